"""What happens to profiles and address books. Addresses themselves stay at home."""

from schemas.events.base import Event


class ProfileUpdated(Event, source="users", subject="user_id", version=1):
    """Somebody has changed their profile."""

    user_id: str
    first_name: str
    last_name: str
    language: str | None = None
    phone: str | None = None


class AddressBookChanged(Event, source="users", subject="user_id", version=1):
    """An address was added, changed or removed."""

    user_id: str
    address_id: str
    change: str
