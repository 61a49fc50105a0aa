"""Config: what administrators may change while everything runs."""

from typing import Any

from schemas.api.config import FlagName, RollSettingBack, SetFlag, SetSetting
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Service
from services.chassis.stores.postgres import Postgres
from services.config.domain import check, check_flag, declared
from services.config.store import ConfigStore


class ConfigService(Service):
    name = "config"

    store = Postgres(ConfigStore)

    @rpc
    def snapshot(self) -> dict[str, Any]:
        """All that was ever changed, for a process that starts: settings and flags, each `{name: [value, version]}`."""
        return self.store.snapshot()

    @rpc
    def settings(self) -> list[dict[str, Any]]:
        """Every declared setting with its value."""
        return self.store.all_settings()

    @rpc
    def set_setting(self, command: SetSetting) -> dict[str, Any]:
        """Raises `NotFound`, `ValidationFailed` on `value`, `Conflict` for a version that isn't the current one."""
        setting = declared(command.key)
        value = check(setting, command.value)
        return self.store.set(setting, value, command.version, command.caller.user_id, command.reason)

    @rpc
    def history(self, key: str) -> list[dict[str, Any]]:
        """Every change of a setting, the newest first. Raises `NotFound`."""
        return self.store.history(declared(key).key)

    @rpc
    def roll_back(self, command: RollSettingBack) -> dict[str, Any]:
        """Set again what was in force before, as a new version. Raises `NotFound`."""
        return self.store.set_back(declared(command.key), command.version, command.caller.user_id, command.reason)

    @rpc
    def flags(self) -> list[dict[str, Any]]:
        """Every flag, kill switches that nobody has touched included."""
        return self.store.all_flags()

    @rpc
    def flag(self, name: FlagName) -> dict[str, Any]:
        """Raises `NotFound`."""
        return self.store.flag(name)

    @rpc
    def set_flag(self, command: SetFlag) -> dict[str, Any]:
        """Make or replace a flag. Raises `PreconditionFailed`, `ValidationFailed` for what it can't serve."""
        check_flag(command.flag)
        return self.store.set_flag(command.name, command.flag, command.expected_version, command.caller.user_id)
