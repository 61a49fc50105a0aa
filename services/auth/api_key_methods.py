"""RPC methods of API keys."""

from schemas.api.sessions import CreateApiKey, DeleteApiKey
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from schemas.rpc.auth import AuthRpc
from services.auth.api_keys import check_scopes
from services.auth.sign_in import SignIn
from services.chassis.common import clock
from services.chassis.messaging.rpc import Json, implements


class ApiKeyMethods(SignIn):
    """API keys of accounts and of service accounts."""

    @implements(AuthRpc.create_api_key)
    def create_api_key(self, command: CreateApiKey) -> Json:
        check_scopes(command, clock.now())
        return self.store.api_keys.create(command)

    @implements(AuthRpc.api_keys)
    def api_keys(self, caller: Caller) -> Json:
        return self.store.api_keys.list(str(caller.user_id), caller.may(Permission.SERVICE_ACCOUNTS))

    @implements(AuthRpc.delete_api_key)
    def delete_api_key(self, command: DeleteApiKey) -> None:
        with_service_accounts = command.caller.may(Permission.SERVICE_ACCOUNTS)
        self.store.api_keys.delete(command.key_id, str(command.caller.user_id), with_service_accounts)

    @implements(AuthRpc.identify_key)
    def identify_key(self, key: str) -> Json:
        return self.store.api_keys.identify(key, clock.now())
