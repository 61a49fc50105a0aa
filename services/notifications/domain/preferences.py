"""Notification preferences: channels by kind, and quiet hours."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.common.errors import ValidationFailed
from services.notifications.domain.kinds import CHANNELS, KINDS

Preferences = Mapping[str, Any]
"""`{kinds: {KIND: {CHANNEL: bool}}, quiet_hours: {from, to, time_zone} | None}`; missing entries mean the default."""


def with_defaults(preferences: Preferences) -> dict[str, Any]:
    """The preferences with every kind and channel filled in."""
    kinds = {name: {channel: wants(preferences, name, channel) for channel in CHANNELS} for name in KINDS}
    return {"kinds": kinds, "quiet_hours": preferences.get("quiet_hours")}


def wants(preferences: Preferences, kind: str, channel: str) -> bool:
    """Whether a kind is sent by a channel. Transactional mail always is."""
    default = channel in KINDS[kind].channels
    if KINDS[kind].transactional and channel == "email":
        return True
    chosen = preferences.get("kinds", {}).get(kind, {}).get(channel)
    return default if chosen is None else bool(chosen)


def check(preferences: Preferences) -> None:
    """Validate preferences. Raises `ValidationFailed` naming the field."""
    for kind, channels in preferences.get("kinds", {}).items():
        if kind not in KINDS:
            raise ValidationFailed.of(f"kinds.{kind}", f"is not one of: {', '.join(KINDS)}")
        if KINDS[kind].transactional and channels.get("email") is False:
            raise ValidationFailed.of(
                f"kinds.{kind}.email", "cannot be turned off: it concerns the account or an order"
            )


def quiet_hours_end(preferences: Preferences, now: datetime) -> datetime | None:
    """The end of the current quiet hours; None outside of them."""
    quiet_hours = preferences.get("quiet_hours")
    if not quiet_hours:
        return None
    zone = ZoneInfo(quiet_hours["time_zone"])
    local, begin, end = (
        now.astimezone(zone),
        time.fromisoformat(quiet_hours["from"]),
        time.fromisoformat(quiet_hours["to"]),
    )
    local_time = local.time()
    if begin == end or not (begin <= local_time < end if begin < end else local_time >= begin or local_time < end):
        return None
    ends = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0, fold=0)
    return (ends if ends > local else ends + timedelta(days=1)).astimezone(now.tzinfo)
