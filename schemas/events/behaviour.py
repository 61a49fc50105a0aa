"""Behaviour events: actions of visitors. Analytics writes them to Kafka itself; they are not published on RabbitMQ.

Without consent `session_id` is random per event, and the events carry no identity.
"""

from typing import Any

from pydantic import Field

from schemas.events.base import Event


class Behaviour(Event):
    """An action in a session. The envelope's time is the client's clock, corrected by the server's."""

    session_id: str
    anonymous_id: str | None = None
    user_id: str | None = None
    """The signed-in user."""
    cart_id: str | None = None
    """The id of the guest's cart."""
    consent: bool | None = None
    """False: the event is counted, but in no session."""


class PageViewed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A page was viewed."""

    name: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class ProductViewed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A product page was viewed."""

    product_id: str
    sku: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class CartAdded(Behaviour, source="behaviour", subject="session_id", version=1):
    """A product was added to the cart."""

    product_id: str | None = None
    sku: str | None = None
    quantity: int = 1
    properties: dict[str, Any] = Field(default_factory=dict)


class SearchPerformed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A search was performed. `results` (number of hits) is only known when the gateway reports it."""

    query: str
    results: int | None = None
    filters: dict[str, Any] = Field(default_factory=dict)
    took_ms: float | None = None
    network: str | None = None
    """Pseudonym of the visitor's network, changed each month; only known when the gateway reports it."""
    properties: dict[str, Any] = Field(default_factory=dict)


class ResultClicked(Behaviour, source="behaviour", subject="session_id", version=1):
    """A search result, or a product elsewhere, was clicked. `position` starts at 1."""

    query: str | None = None
    product_id: str | None = None
    position: int | None = None
    name: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class CustomTracked(Behaviour, source="behaviour", subject="session_id", version=1):
    """A custom event of the shop."""

    name: str
    properties: dict[str, Any] = Field(default_factory=dict)


class SessionIdentified(Behaviour, source="behaviour", subject="session_id", version=1):
    """The visitor has signed in: the whole session belongs to the customer."""


class FlagExposed(Behaviour, source="behaviour", subject="session_id", version=1):
    """A visitor was given this value of a flag with variants or a rollout. `session_id`: the key of its rollout."""

    flag: str
    value: str
