"""Users: profiles, made when an account is, and address books."""

from collections.abc import Callable
from typing import Any, TypeVar

from schemas.api.users import AddAddress, UpdateAddress, UpdateProfile
from schemas.base import Id
from schemas.events.auth import UserRegistered
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import Remote, rpc
from services.chassis.runtime.service import Service
from services.chassis.stores.postgres import Postgres
from services.users.store import UserStore

T = TypeVar("T")


class UsersService(Service):
    name = "users"

    store = Postgres(UserStore)
    auth = Remote("auth")

    @on_event(UserRegistered)
    def make_profile(self, event: UserRegistered) -> None:
        """A new account has a profile from the start."""
        self.store.welcome(event.user_id, event.email, event.first_name, event.last_name)

    @rpc
    def get_profile(self, user_id: Id) -> dict[str, Any]:
        """The profile. Raises `NotFound`."""
        return self._with_profile(user_id, lambda: self.store.profile(user_id))

    @rpc
    def update_profile(self, command: UpdateProfile) -> dict[str, Any]:
        """Replace the profile: what is left out is empty afterwards. Raises `NotFound`."""
        return self._with_profile(command.user_id, lambda: self.store.update_profile(command))

    @rpc
    def list_addresses(self, user_id: Id) -> list[dict[str, Any]]:
        """The address book, oldest entry first."""
        return self.store.list_addresses(user_id)

    @rpc
    def get_address(self, user_id: Id, address_id: str) -> dict[str, Any]:
        """One entry of the person's own book. Raises `NotFound`."""
        return self.store.address(user_id, _checked(address_id))

    @rpc
    def add_address(self, command: AddAddress) -> dict[str, Any]:
        """Add an entry; a new default takes the place of the old one. Raises `NotFound`, `InvalidState` when full."""
        return self._with_profile(command.user_id, lambda: self.store.add_address(command.user_id, command))

    @rpc
    def update_address(self, command: UpdateAddress) -> dict[str, Any]:
        """Replace an entry. Raises `NotFound`."""
        return self.store.update_address(command.user_id, _checked(command.address_id), command)

    @rpc
    def delete_address(self, user_id: Id, address_id: str) -> None:
        """Remove an entry. Raises `NotFound`."""
        self.store.delete_address(user_id, _checked(address_id))

    def _with_profile(self, user_id: str, work: Callable[[], T]) -> T:
        """Who registered a moment ago may be here before the news of it: then auth knows them."""
        try:
            return work()
        except NotFound:
            account = self.auth.me(user_id=user_id)
            self.store.welcome(user_id, account["email"], account["first_name"], account["last_name"])
            return work()


def _checked(address_id: str) -> str:
    if not is_id(address_id):
        raise NotFound("There is no such address")
    return address_id
