"""Users service: profiles and address books."""

from collections.abc import Callable
from typing import TypeVar

from schemas.api.users import AddAddress, UpdateAddress, UpdateProfile
from schemas.base import Caller
from schemas.events.auth import AccountRenamed, UserRegistered
from schemas.rpc.auth import AuthRpc
from schemas.rpc.users import UsersRpc
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.stores.postgres import Postgres
from services.users.store import UserStore

T = TypeVar("T")


class UsersService(Service):
    name = "users"

    store = Postgres(UserStore)
    auth = Remote(AuthRpc)

    @on_event(UserRegistered)
    def create_profile(self, event: UserRegistered) -> None:
        """Create the profile of a new account."""
        self.store.create_profile(event.user_id, event.email, event.first_name, event.last_name)

    @on_event(AccountRenamed)
    def rename(self, event: AccountRenamed) -> None:
        """Take over a name that an administrator changed."""
        self.store.rename(event)

    @implements(UsersRpc.get_profile)
    def get_profile(self, caller: Caller) -> Json:
        user_id = str(caller.user_id)
        return self._with_profile(user_id, lambda: self.store.profile(user_id))

    @implements(UsersRpc.update_profile)
    def update_profile(self, command: UpdateProfile) -> Json:
        user_id = str(command.caller.user_id)
        return self._with_profile(user_id, lambda: self.store.update_profile(user_id, command))

    @implements(UsersRpc.list_addresses)
    def list_addresses(self, caller: Caller) -> Json:
        return self.store.list_addresses(str(caller.user_id))

    @implements(UsersRpc.get_address)
    def get_address(self, address_id: str, caller: Caller) -> Json:
        return self.store.address(str(caller.user_id), _checked(address_id))

    @implements(UsersRpc.add_address)
    def add_address(self, command: AddAddress) -> Json:
        user_id = str(command.caller.user_id)
        return self._with_profile(user_id, lambda: self.store.add_address(user_id, command))

    @implements(UsersRpc.update_address)
    def update_address(self, command: UpdateAddress) -> Json:
        return self.store.update_address(str(command.caller.user_id), _checked(command.address_id), command)

    @implements(UsersRpc.delete_address)
    def delete_address(self, address_id: str, caller: Caller) -> None:
        self.store.delete_address(str(caller.user_id), _checked(address_id))

    def _with_profile(self, user_id: str, work: Callable[[], T]) -> T:
        """Do the work; create the profile first where `user_registered` has not arrived yet."""
        try:
            return work()
        except NotFound:
            account = self.auth.get_account(user_id=user_id)
            self.store.create_profile(user_id, account.email, account.first_name, account.last_name)
            return work()


def _checked(address_id: str) -> str:
    if not is_id(address_id):
        raise NotFound("There is no such address")
    return address_id
