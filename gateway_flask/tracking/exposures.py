"""Who was given which variant: told to analytics once a day for each, so that a test can be judged."""

import threading
from collections import OrderedDict
from datetime import date
from typing import Final

from gateway_flask.middleware.request_context import current_request
from gateway_flask.tracking.producer import track
from services.chassis.common import clock
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

REMEMBERED: Final = 20_000
"""How many of them a process remembers, so as not to repeat itself; a repetition does no harm."""
Told = tuple[str, str, str, date]
"""Flag, visitor, value, day."""


class _Told:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[Told, None] = OrderedDict()

    def first_time(self, told: Told) -> bool:
        with self._lock:
            if told in self._told:
                return False
            self._told[told] = None
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            return True


_told = _Told()


def expose(values: dict[str, bool | str], subject: Subject) -> None:
    """Tell which of these flags that are being tried out (variants, a rollout) this visitor got."""
    tried = {name for name, flag in config.state().flags.items() if flag.variants or flag.rollout is not None}
    key, today = subject.key or "", clock.now().date()
    said = [
        {
            "type": "flag_exposed",
            "session_id": key,
            "user_id": current_request().caller.user_id,
            "flag": name,
            "value": str(value),
        }
        for name, value in values.items()
        if name in tried and key and _told.first_time((name, key, str(value), today))
    ]
    if said:
        track(said)
