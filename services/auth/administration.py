"""RPC methods for the administration of accounts."""

from schemas.api.accounts import AccountQuery, PutGroup, SetRoles, UpdateAccount
from schemas.base import Caller, Id, Slug
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

    @implements(AuthRpc.groups)
    def groups(self, caller: Caller) -> Json:
        return self.store.directory.groups()

    @implements(AuthRpc.put_group)
    def put_group(self, command: PutGroup) -> None:
        self.store.directory.put_group(command)

    @implements(AuthRpc.delete_group)
    def delete_group(self, name: Slug, caller: Caller) -> None:
        self.store.directory.delete_group(name)

    @on_batch(PaymentCaptured, PaymentRefunded, size=200, seconds=0.5)
    def add_spending(self, events: list[PaymentCaptured | PaymentRefunded]) -> None:
        """Add payments to what their customers have spent, and subtract refunds."""
        self.store.directory.add_spending(events)
