"""Events of the config service, consumed by every process."""

from typing import Any

from schemas.events.base import Event


class SettingChanged(Event, source="config", subject="key"):
    """A runtime setting has changed. None: back to the default."""

    key: str
    value: bool | int | float | str | None
    revision: int


class RolesChanged(Event, source="config", subject="key"):
    """The permissions of roles have changed: all changed and added roles, by name."""

    key: str
    roles: dict[str, list[str]]
    revision: int


class FlagChanged(Event, source="config", subject="name"):
    """The definition of a feature flag has changed (`schemas.api.config.FlagWrite`)."""

    name: str
    flag: dict[str, Any]
    revision: int
