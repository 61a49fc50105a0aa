"""Flag exposures: which value of a flag a visitor was given, recorded once per visitor, value and day (UTC)."""

import threading
from collections import OrderedDict
from datetime import date
from typing import Final

from gateway_flask.middleware.request_context import current_request
from gateway_flask.tracking.behaviour import record
from schemas.api.tracking import ObservedEvent
from services.chassis.common import clock
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

MAX_REMEMBERED: Final = 20_000
"""Number of exposures that a process remembers; a repeated one changes no figure."""
Exposure = tuple[str, str, str, date]
"""Flag, visitor, value, day."""


class _RecentExposures:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exposures: OrderedDict[Exposure, None] = OrderedDict()

    def add(self, exposure: Exposure) -> bool:
        """Remember an exposure; False if it was remembered already."""
        with self._lock:
            if exposure in self._exposures:
                return False
            self._exposures[exposure] = None
            if len(self._exposures) > MAX_REMEMBERED:
                self._exposures.popitem(last=False)
            return True


_recent = _RecentExposures()


def record_exposures(values: dict[str, bool | str], subject: Subject) -> None:
    """Record which values of flags with variants or a rollout this visitor was given."""
    tested = {name for name, flag in config.state().flags.items() if flag.variants or flag.rollout is not None}
    key, today = subject.key or "", clock.now().date()
    exposures = [
        ObservedEvent(
            type="flag_exposed",
            session_id=key,
            user_id=current_request().caller.user_id,
            fields={"flag": name, "value": str(value)},
        )
        for name, value in values.items()
        if name in tested and key and _recent.add((name, key, str(value), today))
    ]
    if exposures:
        record(exposures)
