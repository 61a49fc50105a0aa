"""Events of profiles and address books; addresses are not part of them."""

from schemas.events.base import Event


class ProfileUpdated(Event, source="users", subject="user_id", version=1):
    """A profile was changed."""

    user_id: str
    first_name: str
    last_name: str
    language: str | None = None
    phone: str | None = None
    marketing: bool = False
    """Whether the person wants advertising."""


class AddressBookChanged(Event, source="users", subject="user_id", version=1):
    """An address was added, changed or removed."""

    user_id: str
    address_id: str
    change: str
