"""RPC interface of the users service."""

from typing import Protocol

from schemas.api.users import AddAddress, AddressEntry, Profile, UpdateAddress, UpdateProfile
from schemas.base import Caller


class UsersRpc(Protocol):
    """Profiles and address books; each method acts on what is the caller's own."""

    def get_profile(self, caller: Caller) -> Profile:
        """Get the profile."""
        ...

    def update_profile(self, command: UpdateProfile) -> Profile:
        """Replace the profile."""
        ...

    def list_addresses(self, caller: Caller) -> list[AddressEntry]:
        """List the address book, oldest entry first."""
        ...

    def get_address(self, address_id: str, caller: Caller) -> AddressEntry:
        """Get an address. Raises `NotFound`."""
        ...

    def add_address(self, command: AddAddress) -> AddressEntry:
        """Add an address. Raises `ValidationFailed` for a full address book."""
        ...

    def update_address(self, command: UpdateAddress) -> AddressEntry:
        """Replace an address. Raises `NotFound`."""
        ...

    def delete_address(self, address_id: str, caller: Caller) -> None:
        """Delete an address. Raises `NotFound`."""
        ...
