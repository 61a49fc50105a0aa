"""Who was given which variant: told to analytics once per visitor, flag and value, so that a test can be judged."""

import threading
from collections import OrderedDict
from typing import Final

from gateway_flask.tracking import track
from gateway_flask.visit import visit
from services.chassis.live import config
from services.chassis.live.rules import Subject

REMEMBERED: Final = 20_000
"""How many of them a process remembers, so as not to repeat itself; a repetition does no harm."""


class _Told:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def first_time(self, told: tuple[str, str, str]) -> bool:
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
    key = subject.key or ""
    said = [
        {
            "type": "flag_exposed",
            "session_id": key,
            "user_id": visit().caller.user_id,
            "flag": name,
            "value": str(value),
        }
        for name, value in values.items()
        if name in tried and key and _told.first_time((name, key, str(value)))
    ]
    if said:
        track(said)
