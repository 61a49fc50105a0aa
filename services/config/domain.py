"""Rules of settings and flags: declarations, validation, and their state in replies."""

from datetime import datetime
from typing import Any, Final

from schemas.api.config import Declared, FlagWrite
from schemas.config_declarations import KILL_SWITCHES, ON, SETTINGS
from services.chassis.common.errors import NotFound, ValidationFailed

TYPES: Final[dict[str, tuple[type, ...]]] = {
    "integer": (int,),
    "number": (int, float),
    "text": (str,),
    "boolean": (bool,),
}


def declared_setting(key: str) -> Declared:
    """The declaration of a setting. Raises `NotFound`."""
    if key not in SETTINGS:
        raise NotFound(f"There is no setting {key}")
    return SETTINGS[key]


def checked_value(setting: Declared, value: Any) -> Any:
    """Validate a value by the setting's type, choices and limits. Raises `ValidationFailed` on `value`."""
    if not isinstance(value, TYPES[setting.type]) or (isinstance(value, bool) and setting.type != "boolean"):
        raise ValidationFailed.of("value", f"must be of type {setting.type}")
    if setting.choices is not None and value not in setting.choices:
        raise ValidationFailed.of("value", f"must be one of: {', '.join(setting.choices)}")
    magnitude: float = len(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    if setting.minimum is not None and magnitude < setting.minimum:
        raise ValidationFailed.of("value", f"must be at least {setting.minimum:g}")
    if setting.maximum is not None and magnitude > setting.maximum:
        raise ValidationFailed.of("value", f"must be at most {setting.maximum:g}")
    return value


def check_flag(flag: FlagWrite) -> None:
    """Validate that all values served by a flag exist. Raises `ValidationFailed` naming the field."""
    if flag.variants is not None and not sum(flag.variants.values()):
        raise ValidationFailed.of("variants", "at least one weight must be greater than 0")
    served_values = [
        ("default", flag.default),
        *((f"rules.{n}.serve", rule.serve) for n, rule in enumerate(flag.rules)),
    ]
    for field, value in served_values:
        if flag.variants is None and not isinstance(value, bool):
            raise ValidationFailed.of(field, "must be true or false in a flag without variants")
        if flag.variants is not None and value not in flag.variants:
            raise ValidationFailed.of(field, f"must be one of the variants: {', '.join(flag.variants)}")


def setting_state(setting: Declared, value: Any, version: int, at: str | None, by: str | None) -> dict[str, Any]:
    """The setting as `schemas.api.config.SettingState`."""
    current = setting.default if value is None else value
    return setting.model_dump() | {"value": current, "version": version, "updated_at": at, "updated_by": by}


def flag_state(name: str, definition: dict[str, Any], version: int, at: str | None, by: str | None) -> dict[str, Any]:
    """The flag as `schemas.api.config.FlagState`."""
    description = f"Switches off {KILL_SWITCHES[name]}." if name in KILL_SWITCHES else None
    return {
        "name": name,
        "description": description,
        **definition,
        "version": version,
        "updated_at": at,
        "updated_by": by,
    }


def initial_flag(name: str) -> dict[str, Any]:
    """The definition of an unchanged kill switch. Raises `NotFound` for other flags."""
    if name not in KILL_SWITCHES:
        raise NotFound(f"There is no flag {name}")
    return ON.model_dump(mode="json", by_alias=True)


def rfc3339(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
