"""Export and erasure of a person's data in a service: the handlers that every service with personal data has.

A service adds `PersonalDataHandlers` to its bases and implements two methods. Both must be idempotent: events arrive
at least once, and each erasure is requested twice.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from schemas.events.privacy import (
    PersonalDataCollected,
    PersonalDataCollectionCompleted,
    PersonalDataErased,
    PersonalDataErasureRequested,
    PersonalDataExportRequested,
)
from services.chassis.common.timestamps import rfc3339
from services.chassis.messaging.confirmed_events import ConfirmedEvents
from services.chassis.messaging.events import on_event

RECORDS_PER_PART: Final = 200
ERASED_NAME: Final = "Former customer"
"""The name shown where a record must have one."""
ERASED_DOMAIN: Final = "erased.invalid"
"""Domain of the addresses that replace erased ones (RFC 2606: nobody can have it)."""

Sections = Mapping[str, Iterable[Any]]
"""Records (JSON-able) by section, such as `{"orders": [...], "shipments": [...]}`."""


@dataclass(frozen=True)
class Person:
    """The person whose data are exported or erased.

    `email`: the account's address, for records that name a person by address. `owns_email`: the address is verified,
    so records of guests with it belong to the person as well.
    """

    user_id: str
    email: str | None = None
    owns_email: bool = False

    @property
    def verified_email(self) -> str | None:
        return self.email if self.owns_email else None

    @property
    def erased_email(self) -> str:
        """The address that replaces the person's where a record must have one."""
        return erased_address(self.user_id)


def erased_address(user_id: str) -> str:
    """The address that stands for an erased person's."""
    return f"{user_id}@{ERASED_DOMAIN}"


def is_erased_address(email: str | None) -> bool:
    """Whether an address stands for an erased person."""
    return email is not None and email.endswith(f"@{ERASED_DOMAIN}")


class PersonalDataHandlers:
    """Event handlers of the export and the erasure of a person's data."""

    name: str
    privacy_events = ConfirmedEvents()

    @abstractmethod
    def personal_data(self, person: Person) -> Sections:
        """All that the service holds of the person, by section. No secrets, no data of others."""

    @abstractmethod
    def erase_person(self, person: Person) -> None:
        """Delete the person's data, or what identifies the person in data that must be kept. Idempotent."""

    @on_event(PersonalDataExportRequested)
    def export_personal_data(self, event: PersonalDataExportRequested) -> None:
        """Publish the person's data in parts."""
        person = Person(event.user_id, event.email, owns_email=event.email is not None)
        part = 0
        for section, records in self.personal_data(person).items():
            for chunk in _chunks(records):
                self.privacy_events.publish(
                    PersonalDataCollected(
                        export_id=event.export_id, service=self.name, section=section, part=part, records=chunk
                    )
                )
                part += 1
        completed = PersonalDataCollectionCompleted(export_id=event.export_id, service=self.name, parts=part)
        self.privacy_events.publish(completed)

    @on_event(PersonalDataErasureRequested)
    def erase_personal_data(self, event: PersonalDataErasureRequested) -> None:
        """Erase the person's data and report it."""
        self.erase_person(Person(event.user_id, event.email, owns_email=event.email_verified))
        erased = PersonalDataErased(erasure_id=event.erasure_id, service=self.name, round=event.round)
        self.privacy_events.publish(erased)


def as_json(value: Any) -> Any:
    """A stored value as JSON holds it: times as text (RFC 3339)."""
    if isinstance(value, Mapping):
        return {str(name): as_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    return rfc3339(value) if isinstance(value, datetime) else value


def _chunks(records: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, RECORDS_PER_PART)):
        yield chunk
