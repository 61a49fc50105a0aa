"""Config service: runtime settings and feature flags."""

from schemas.api.config import FlagName, RollSettingBack, SetFlag, SetSetting
from schemas.api.roles import PutRole, ResetRole
from schemas.caller import Caller
from schemas.permissions.roles import RoleName, may_grant
from schemas.rpc.config import ConfigRpc
from services.chassis.common.errors import Forbidden
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.stores.postgres import Postgres
from services.config.domain import check_flag, checked_value, declared_setting
from services.config.roles import RoleStore


class ConfigService(Service):
    """RPC methods of runtime settings and feature flags."""

    name = "config"

    store = Postgres(RoleStore)

    @implements(ConfigRpc.snapshot)
    def snapshot(self) -> Json:
        return self.store.snapshot()

    @implements(ConfigRpc.settings)
    def settings(self, caller: Caller) -> Json:
        return self.store.all_settings()

    @implements(ConfigRpc.setting)
    def setting(self, key: str, caller: Caller) -> Json:
        return self.store.setting(declared_setting(key))

    @implements(ConfigRpc.set_setting)
    def set_setting(self, command: SetSetting) -> Json:
        setting = declared_setting(command.key)
        value = checked_value(setting, command.value)
        return self.store.set_setting(setting, value, command.version, command.caller.user_id, command.reason)

    @implements(ConfigRpc.history)
    def history(self, key: str, caller: Caller) -> Json:
        return self.store.history(declared_setting(key).key)

    @implements(ConfigRpc.roll_back)
    def roll_back(self, command: RollSettingBack) -> Json:
        setting, author = declared_setting(command.key), command.caller.user_id
        return self.store.roll_back(setting, command.version, author, command.reason, command.expected_version)

    @implements(ConfigRpc.roles)
    def roles(self, caller: Caller) -> Json:
        return self.store.roles()

    @implements(ConfigRpc.role)
    def role(self, name: RoleName, caller: Caller) -> Json:
        return self.store.find_role(name)

    @implements(ConfigRpc.put_role)
    def put_role(self, command: PutRole) -> Json:
        permissions = [str(permission) for permission in command.permissions]
        if not may_grant(command.caller.permissions, permissions):
            raise Forbidden("One can only grant permissions that one has")
        return self.store.put_role(
            command.name, permissions, command.caller.user_id, command.reason, command.expected_version
        )

    @implements(ConfigRpc.reset_role)
    def reset_role(self, command: ResetRole) -> None:
        self.store.reset_role(command.name, command.caller.user_id, command.reason, command.expected_version)

    @implements(ConfigRpc.flags)
    def flags(self, caller: Caller) -> Json:
        return self.store.all_flags()

    @implements(ConfigRpc.flag)
    def flag(self, name: FlagName, caller: Caller) -> Json:
        return self.store.flag(name)

    @implements(ConfigRpc.set_flag)
    def set_flag(self, command: SetFlag) -> Json:
        check_flag(command.flag)
        return self.store.set_flag(command.name, command.flag, command.expected_version, command.caller.user_id)
