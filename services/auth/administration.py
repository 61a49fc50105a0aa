"""RPC methods for the administration of accounts."""

from schemas.api.accounts import AccountQuery, PutGroup, SetRoles, UpdateAccount
from schemas.api.privacy import EraseUser
from schemas.base import Id, Slug
from schemas.caller import Caller
from schemas.events.payments import PaymentCaptured, PaymentRefunded
from schemas.rpc.auth import AuthRpc
from services.auth.sign_in import SignIn
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.rpc import Json, implements


class Administration(SignIn):
    """Search, status, roles and groups of accounts."""

    @implements(AuthRpc.accounts)
    def accounts(self, query: AccountQuery, caller: Caller) -> Json:
        return self.store.directory.find(query)

    @implements(AuthRpc.account)
    def account(self, user_id: Id, caller: Caller) -> Json:
        return self.store.directory.get(user_id)

    @implements(AuthRpc.update_account)
    def update_account(self, command: UpdateAccount) -> Json:
        account = self.store.directory.change(command)
        self.publish_new_revocations()
        return account

    @implements(AuthRpc.set_roles)
    def set_roles(self, command: SetRoles) -> Json:
        account = self.store.directory.set_roles(
            command.user_id, command.roles, command.caller.permissions, command.expected_version
        )
        self.publish_new_revocations()
        return account

    @implements(AuthRpc.erase_user)
    def erase_user(self, command: EraseUser) -> Json:
        erasure_id = self.store.erasure.erase_requested(command)
        self.publish_new_revocations()
        return {"id": erasure_id, "status": "running"}

    @implements(AuthRpc.groups)
    def groups(self, caller: Caller) -> Json:
        return self.store.groups.all()

    @implements(AuthRpc.group)
    def group(self, name: Slug, caller: Caller) -> Json:
        return self.store.groups.get(name)

    @implements(AuthRpc.put_group)
    def put_group(self, command: PutGroup) -> Json:
        return self.store.groups.put(command)

    @implements(AuthRpc.delete_group)
    def delete_group(self, name: Slug, caller: Caller, expected_version: int | None = None) -> None:
        self.store.groups.delete(name, expected_version)

    @on_batch(PaymentCaptured, PaymentRefunded, size=200, seconds=0.5)
    def add_spending(self, events: list[PaymentCaptured | PaymentRefunded]) -> None:
        """Add payments to what their customers have spent, and subtract refunds."""
        self.store.directory.add_spending(events)
