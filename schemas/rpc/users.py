"""RPC interface of the users service."""

from typing import Protocol

from schemas.api.privacy import ErasureProgress, Export, ExportPart, ReadExport
from schemas.api.users import (
    AddAddress,
    AddressEntry,
    Profile,
    UpdateAddress,
    UpdatePreferences,
    UpdateProfile,
    UserPreferences,
)
from schemas.base import Id
from schemas.caller import Caller


class UsersRpc(Protocol):
    """Profiles, address books, exports and erasures; most methods act on what is the caller's own."""

    def get_profile(self, caller: Caller) -> Profile:
        """Get the profile."""
        ...

    def update_profile(self, command: UpdateProfile) -> Profile:
        """Replace the profile. Raises `PreconditionFailed` when `expected_version` isn't the present one."""
        ...

    def get_preferences(self, caller: Caller) -> UserPreferences:
        """Get the preferences."""
        ...

    def update_preferences(self, command: UpdatePreferences) -> UserPreferences:
        """Replace the preferences. Raises `PreconditionFailed`."""
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
        """Replace an address. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def delete_address(self, address_id: str, caller: Caller, expected_version: int | None = None) -> None:
        """Delete an address. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def request_export(self, caller: Caller) -> Export:
        """Collect the caller's data from all services. Returns the running export if there is one."""
        ...

    def get_export(self, caller: Caller) -> Export:
        """Get the caller's export and its progress. Raises `NotFound`."""
        ...

    def export_part(self, query: ReadExport) -> ExportPart | None:
        """Get the next part of an export by its signed link; None after the last one. Raises `NotFound`."""
        ...

    def get_erasure(self, user_id: Id, caller: Caller) -> ErasureProgress:
        """Get the progress of an account's erasure. Raises `NotFound`."""
        ...
