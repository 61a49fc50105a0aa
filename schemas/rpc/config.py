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
from schemas.api.roles import PutRole, ResetRole, RoleState
from schemas.caller import Caller
from schemas.permissions.roles import RoleName


class ConfigRpc(Protocol):
    """Runtime settings, feature flags and roles."""

    def snapshot(self) -> Snapshot:
        """Get all changed settings and flags with their versions, for a starting process."""
        ...

    def settings(self, caller: Caller) -> list[SettingState]:
        """List the declared settings with their values."""
        ...

    def setting(self, key: str, caller: Caller) -> SettingState:
        """Get a declared setting with its value. Raises `NotFound`."""
        ...

    def set_setting(self, command: SetSetting) -> SettingState:
        """Change a setting. Raises `NotFound`, `ValidationFailed` on `value`, `Conflict` for an outdated version."""
        ...

    def history(self, key: str, caller: Caller) -> list[SettingChange]:
        """List the changes of a setting, the newest first. Raises `NotFound`."""
        ...

    def roll_back(self, command: RollSettingBack) -> SettingState:
        """Restore an earlier value as a new version. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def roles(self, caller: Caller) -> list[RoleState]:
        """List the roles with their permissions."""
        ...

    def role(self, name: RoleName, caller: Caller) -> RoleState:
        """Get a role with its permissions. Raises `NotFound`."""
        ...

    def put_role(self, command: PutRole) -> RoleState:
        """Create or change a role. Raises `ValidationFailed` for ADMIN, `Conflict` for more than 100 roles."""
        ...

    def reset_role(self, command: ResetRole) -> None:
        """Delete a role, or restore a preset. Raises `NotFound`, `ValidationFailed` for ADMIN."""
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
