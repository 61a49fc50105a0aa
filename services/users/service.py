"""Users service: profiles, address books, exports and erasures of personal data."""

from collections.abc import Callable
from typing import TypeVar

from schemas.api.privacy import ReadExport
from schemas.api.users import AddAddress, UpdateAddress, UpdatePreferences, UpdateProfile
from schemas.base import Id
from schemas.caller import Caller
from schemas.events.auth import AccountErased, AccountRenamed, UserRegistered
from schemas.events.privacy import PersonalDataCollected, PersonalDataCollectionCompleted, PersonalDataErased
from schemas.rpc.auth import AuthRpc
from schemas.rpc.users import UsersRpc
from services.chassis.common import clock
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.encrypting import Encrypting
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres
from services.users.exports_view import export_view, is_link_valid
from services.users.settings import UserSettings
from services.users.store import UserStore

T = TypeVar("T")


class UsersService(PersonalDataHandlers, Service):
    name = "users"

    store = Postgres(UserStore)
    settings = Configured(UserSettings)
    encryption = Encrypting()
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

    @implements(UsersRpc.get_preferences)
    def get_preferences(self, caller: Caller) -> Json:
        user_id = str(caller.user_id)
        return self._with_profile(user_id, lambda: self.store.preferences(user_id))

    @implements(UsersRpc.update_preferences)
    def update_preferences(self, command: UpdatePreferences) -> Json:
        user_id = str(command.caller.user_id)
        return self._with_profile(user_id, lambda: self.store.update_preferences(user_id, command))

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
    def delete_address(self, address_id: str, caller: Caller, expected_version: int | None = None) -> None:
        self.store.delete_address(str(caller.user_id), _checked(address_id), expected_version)

    # -- exports and erasures -----------------------------------------------------------------------------------------

    @implements(UsersRpc.request_export)
    def request_export(self, caller: Caller) -> Json:
        user_id = str(caller.user_id)
        account = self.auth.get_account(user_id=user_id)
        email = account.email if account.email_verified else None
        row = self.store.exports.request(user_id, email, clock.now(), self.settings.export_lifetime)
        return export_view(row, self.settings.link_key)

    @implements(UsersRpc.get_export)
    def get_export(self, caller: Caller) -> Json:
        return export_view(self.store.exports.latest(str(caller.user_id)), self.settings.link_key)

    @implements(UsersRpc.export_part)
    def export_part(self, query: ReadExport) -> Json:
        if not is_link_valid(query, self.settings.link_key, clock.now()):
            raise NotFound("There is no such export, or the link has expired")
        after = (query.after.service, query.after.section, query.after.part) if query.after else None
        return self.store.exports.part_after(query.export_id, after, self.encryption)

    @implements(UsersRpc.get_erasure)
    def get_erasure(self, user_id: Id, caller: Caller) -> Json:
        return self.store.erasures.of_user(user_id)

    @on_event(PersonalDataCollected)
    def add_export_part(self, event: PersonalDataCollected) -> None:
        """Store a part of an export."""
        self.store.exports.add_part(event, self.encryption)

    @on_event(PersonalDataCollectionCompleted)
    def complete_export_service(self, event: PersonalDataCollectionCompleted) -> None:
        """Record that a service has published its part of an export."""
        self.store.exports.complete_service(event)

    @on_event(AccountErased)
    def begin_erasure(self, event: AccountErased) -> None:
        """Have all services erase the person's data."""
        self.store.erasures.begin(event, self.encryption)

    @on_event(PersonalDataErased)
    def add_erasure_reply(self, event: PersonalDataErased) -> None:
        """Record that a service has erased the person's data."""
        self.store.erasures.add_reply(event)

    @every(seconds=1)
    def advance_erasures(self) -> None:
        """Begin the second round of erasures, or complete them."""
        self.store.erasures.advance(self.settings.erasure_second_round, self.encryption)

    def personal_data(self, person: Person) -> Sections:
        return self.store.personal_data(person.user_id)

    def erase_person(self, person: Person) -> None:
        self.store.erase(person.user_id)

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
