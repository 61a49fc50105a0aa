"""By which channels somebody is told something, and when they want their quiet."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.common.errors import ValidationFailed
from services.notifications.domain.kinds import CHANNELS, KINDS

Preferences = Mapping[str, Any]
"""`{kinds: {KIND: {CHANNEL: bool}}, quiet_hours: {from, to, time_zone} | None}`; what isn't said is as usual."""


def whole(preferences: Preferences) -> dict[str, Any]:
    """Every kind and channel spelled out, for somebody to look at."""
    kinds = {name: {channel: wants(preferences, name, channel) for channel in CHANNELS} for name in KINDS}
    return {"kinds": kinds, "quiet_hours": preferences.get("quiet_hours")}


def wants(preferences: Preferences, kind: str, channel: str) -> bool:
    """Whether this comes by that channel. Transactional mail always does."""
    usual = channel in KINDS[kind].channels
    if KINDS[kind].transactional and channel == "email":
        return True
    said = preferences.get("kinds", {}).get(kind, {}).get(channel)
    return usual if said is None else bool(said)


def check(wanted: Preferences) -> None:
    """Raises `ValidationFailed` naming the field."""
    for kind, channels in wanted.get("kinds", {}).items():
        if kind not in KINDS:
            raise ValidationFailed.of(f"kinds.{kind}", f"is not one of: {', '.join(KINDS)}")
        if KINDS[kind].transactional and channels.get("email") is False:
            raise ValidationFailed.of(f"kinds.{kind}.email", "can't be turned off: it is about what you do here")


def quiet_until(preferences: Preferences, now: datetime) -> datetime | None:
    """When the quiet hours that `now` lies in end; None outside of them."""
    quiet = preferences.get("quiet_hours")
    if not quiet:
        return None
    zone = ZoneInfo(quiet["time_zone"])
    local, begin, end = now.astimezone(zone), time.fromisoformat(quiet["from"]), time.fromisoformat(quiet["to"])
    clock = local.time()
    if begin == end or not (begin <= clock < end if begin < end else clock >= begin or clock < end):
        return None
    ends = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0, fold=0)
    return (ends if ends > local else ends + timedelta(days=1)).astimezone(now.tzinfo)
