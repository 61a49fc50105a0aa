"""What a setting may be, and how settings and flags are shown."""

from datetime import datetime
from typing import Any, Final

from schemas.api.config import KILL_SWITCHES, ON, SETTINGS, Declared, FlagWrite
from services.chassis.common.errors import NotFound, ValidationFailed

TYPES: Final[dict[str, tuple[type, ...]]] = {
    "integer": (int,),
    "number": (int, float),
    "text": (str,),
    "boolean": (bool,),
}


def declared(key: str) -> Declared:
    """Raises `NotFound`: what isn't declared can't be set."""
    if key not in SETTINGS:
        raise NotFound(f"There is no setting {key}")
    return SETTINGS[key]


def check(setting: Declared, value: Any) -> Any:
    """The value, if the setting may have it. Raises `ValidationFailed` on `value`."""
    if not isinstance(value, TYPES[setting.type]) or (isinstance(value, bool) and setting.type != "boolean"):
        raise ValidationFailed.of("value", f"must be of type {setting.type}")
    if setting.choices is not None and value not in setting.choices:
        raise ValidationFailed.of("value", f"must be one of: {', '.join(setting.choices)}")
    size: float = len(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    if setting.minimum is not None and size < setting.minimum:
        raise ValidationFailed.of("value", f"must be at least {setting.minimum:g}")
    if setting.maximum is not None and size > setting.maximum:
        raise ValidationFailed.of("value", f"must be at most {setting.maximum:g}")
    return value


def check_flag(flag: FlagWrite) -> None:
    """Whether all that the flag may serve exists. Raises `ValidationFailed` naming the field."""
    if flag.variants is not None and not sum(flag.variants.values()):
        raise ValidationFailed.of("variants", "one of them must weigh something")
    served = [("default", flag.default), *((f"rules.{n}.serve", rule.serve) for n, rule in enumerate(flag.rules))]
    for field, value in served:
        if flag.variants is None and not isinstance(value, bool):
            raise ValidationFailed.of(field, "must be true or false: there are no variants")
        if flag.variants is not None and value not in flag.variants:
            raise ValidationFailed.of(field, f"must be one of the variants: {', '.join(flag.variants)}")


def setting_state(setting: Declared, value: Any, version: int, at: str | None, by: str | None) -> dict[str, Any]:
    """A setting as administrators see it."""
    now = setting.default if value is None else value
    return setting.model_dump() | {"value": now, "version": version, "updated_at": at, "updated_by": by}


def flag_state(name: str, shown: dict[str, Any], version: int, at: str | None, by: str | None) -> dict[str, Any]:
    """A flag as administrators see it."""
    switches = f"Switches off {KILL_SWITCHES[name]}." if name in KILL_SWITCHES else None
    return {"name": name, "description": switches, **shown, "version": version, "updated_at": at, "updated_by": by}


def first_flag(name: str) -> dict[str, Any]:
    """What a flag is before anybody changed it. Raises `NotFound` for one that nobody has made."""
    if name not in KILL_SWITCHES:
        raise NotFound(f"There is no flag {name}")
    return ON.model_dump(mode="json", by_alias=True)


def rfc3339(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
