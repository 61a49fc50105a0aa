"""Users: profiles, made when an account is, and address books."""

from typing import Any

from schemas.events.auth import UserRegistered
from schemas.users import AddAddress, UpdateAddress, UpdateProfile
from services.chassis.errors import NotFound
from services.chassis.events import on_event
from services.chassis.ids import is_id
from services.chassis.rpc import rpc
from services.chassis.service import Service
from services.chassis.stores.postgres import Postgres
from services.users.store import UserStore


class UsersService(Service):
    name = "users"

    store = Postgres(UserStore)

    @on_event(UserRegistered)
    def make_profile(self, event: UserRegistered) -> None:
        """A new account has a profile from the start."""
        self.store.welcome(event)

    @rpc
    def get_profile(self, user_id: str) -> dict[str, Any]:
        """The profile. Raises `NotFound`."""
        return self.store.profile(user_id)

    @rpc
    def update_profile(self, command: UpdateProfile) -> dict[str, Any]:
        """Replace the profile: what is left out is empty afterwards. Raises `NotFound`."""
        return self.store.update_profile(command)

    @rpc
    def list_addresses(self, user_id: str) -> list[dict[str, Any]]:
        """The address book, oldest entry first."""
        return self.store.list_addresses(user_id)

    @rpc
    def get_address(self, user_id: str, address_id: str) -> dict[str, Any]:
        """One entry of the person's own book. Raises `NotFound`."""
        return self.store.address(user_id, _checked(address_id))

    @rpc
    def add_address(self, command: AddAddress) -> dict[str, Any]:
        """Add an entry; a new default takes the place of the old one. Raises `NotFound`, `InvalidState` when full."""
        return self.store.add_address(command.user_id, command)

    @rpc
    def update_address(self, command: UpdateAddress) -> dict[str, Any]:
        """Replace an entry. Raises `NotFound`."""
        return self.store.update_address(command.user_id, _checked(command.address_id), command)

    @rpc
    def delete_address(self, user_id: str, address_id: str) -> None:
        """Remove an entry. Raises `NotFound`."""
        self.store.delete_address(user_id, _checked(address_id))


def _checked(address_id: str) -> str:
    if not is_id(address_id):
        raise NotFound("There is no such address")
    return address_id
