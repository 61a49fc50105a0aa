"""What visitors do, as the edge hears of it. No service says these: the gateway writes them to Kafka by itself.

`session_id` is the visit's own; of visitors who did not consent it is made up for the one request, and nobody is named.
"""

from typing import Any

from pydantic import Field

from schemas.events.base import Event


class Behaviour(Event):
    """Something that happened in a visit. The envelope's time is the visitor's clock, set right by ours."""

    session_id: str
    anonymous_id: str | None = None
    user_id: str | None = None
    """Who was signed in."""
    cart_id: str | None = None
    """The guest's cart."""
    consent: bool | None = None
    """False: this is counted, but belongs to no visit."""


class PageViewed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A page was looked at."""

    name: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class ProductViewed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A product's page was looked at."""

    product_id: str
    sku: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class CartAdded(Behaviour, source="behaviour", subject="session_id", version=1):
    """Something was put into the cart."""

    product_id: str | None = None
    sku: str | None = None
    quantity: int = 1
    properties: dict[str, Any] = Field(default_factory=dict)


class SearchPerformed(Behaviour, source="behaviour", subject="session_id", version=1):
    """Something was looked for. A browser doesn't know `results`; the search route does."""

    query: str
    results: int | None = None
    filters: dict[str, Any] = Field(default_factory=dict)
    took_ms: float | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class ResultClicked(Behaviour, source="behaviour", subject="session_id", version=1):
    """One of the things found, or a product elsewhere, was chosen. `position` counts from 1."""

    query: str | None = None
    product_id: str | None = None
    position: int | None = None
    name: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class CustomTracked(Behaviour, source="behaviour", subject="session_id", version=1):
    """Whatever else a shop wants to count."""

    name: str
    properties: dict[str, Any] = Field(default_factory=dict)


class SessionIdentified(Behaviour, source="behaviour", subject="session_id", version=1):
    """The visitor has signed in: the visit is the customer's from its beginning."""


class FlagExposed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A visitor was given this value of a flag that is being tried out. `session_id`: what its rollout goes by."""

    flag: str
    value: str
