"""What is told when a setting or a flag has changed. Every process hears it and has the new value at once."""

from typing import Any

from schemas.events.base import Event


class SettingChanged(Event, source="config", subject="key"):
    """A runtime setting has another value. None: its default again."""

    key: str
    value: bool | int | float | str | None
    revision: int


class FlagChanged(Event, source="config", subject="name"):
    """A feature flag is another one (`schemas.api.config.FlagWrite`)."""

    name: str
    flag: dict[str, Any]
    revision: int
