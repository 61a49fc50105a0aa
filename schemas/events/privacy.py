"""Events of the export and the erasure of a person's data (GDPR, articles 15, 17 and 20).

Users publishes the requests; each service that holds personal data replies on the exchange `privacy.events`, whose
events are not forwarded to Kafka: they contain personal data.
"""

from typing import Any, Final

from schemas.events.base import Event

SOURCE: Final = "privacy"
PERSONAL_DATA_SERVICES: Final = (
    "analytics",
    "audit",
    "auth",
    "cart",
    "files",
    "notifications",
    "orders",
    "payments",
    "reviews",
    "shipping",
    "users",
    "webhooks",
)
"""The services that hold personal data of customers: an export or erasure is complete when all have replied."""


class PersonalDataExportRequested(Event, source="users", subject="export_id", version=1):
    """A person has requested a copy of the own data. `email` only if it is verified: data of guests with it count."""

    export_id: str
    user_id: str
    email: str | None = None


class PersonalDataErasureRequested(Event, source="users", subject="erasure_id", version=1):
    """A person's data must be erased. Published in `rounds`: a later one covers what was under way at the first."""

    erasure_id: str
    user_id: str
    email: str | None = None
    email_verified: bool = False
    round: int = 1
    language: str | None = None
    """Of the confirmation, which is sent in the first round; null: the shop's."""


class PersonalDataCollected(Event, source=SOURCE, subject="export_id", version=1):
    """A part of a service's data for an export: at most some hundred records of one section."""

    export_id: str
    service: str
    section: str
    part: int
    records: list[Any]


class PersonalDataCollectionCompleted(Event, source=SOURCE, subject="export_id", version=1):
    """A service has published all parts of an export."""

    export_id: str
    service: str
    parts: int


class PersonalDataErased(Event, source=SOURCE, subject="erasure_id", version=1):
    """A service has erased or pseudonymised a person's data."""

    erasure_id: str
    service: str
    round: int
