"""RPC interface of the config service."""

from typing import Protocol

from schemas.api.config import (
    FlagName,
    FlagState,
    RollSettingBack,
    SetFlag,
    SetSetting,
    SettingChange,
    SettingState,
    Snapshot,
)
from schemas.base import Caller


class ConfigRpc(Protocol):
    """Runtime settings and feature flags."""

    def snapshot(self) -> Snapshot:
        """Get all changed settings and flags with their versions, for a starting process."""
        ...

    def settings(self, caller: Caller) -> list[SettingState]:
        """List the declared settings with their values."""
        ...

    def set_setting(self, command: SetSetting) -> SettingState:
        """Change a setting. Raises `NotFound`, `ValidationFailed` on `value`, `Conflict` for an outdated version."""
        ...

    def history(self, key: str, caller: Caller) -> list[SettingChange]:
        """List the changes of a setting, the newest first. Raises `NotFound`."""
        ...

    def roll_back(self, command: RollSettingBack) -> SettingState:
        """Restore an earlier value as a new version. Raises `NotFound`."""
        ...

    def flags(self, caller: Caller) -> list[FlagState]:
        """List the feature flags, unchanged kill switches included."""
        ...

    def flag(self, name: FlagName, caller: Caller) -> FlagState:
        """Get the definition of a feature flag. Raises `NotFound`."""
        ...

    def set_flag(self, command: SetFlag) -> FlagState:
        """Create or replace a feature flag. Raises `PreconditionFailed`, `ValidationFailed` naming the field."""
        ...
