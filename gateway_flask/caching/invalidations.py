"""Invalidations: when which tag of replies was last invalidated.

A reply has the tags of what it shows, and the time at which its computation began. It is current while none of its
tags was invalidated since. So a computation that began before a change and ends after it gives no cached reply, in
whatever order threads run: the check is made at each use, by the time of the beginning.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

SETTLING_LIFETIME: Final = 0.1
"""Seconds for which a reply may be used that was computed while a change was still being copied."""
HORIZON: Final = 30.0
"""Seconds for which invalidations are remembered. Older computations are not current, whatever their tags."""


@dataclass(frozen=True, slots=True)
class Drop:
    """An invalidation: replies with the tag are dropped.

    `settling`: seconds that the change may take to reach the store that the replies are read from, when that is a copy.
    Replies that are computed meanwhile are used for `SETTLING_LIFETIME` only.
    """

    tag: str
    settling: float = 0.0


class Invalidations:
    """The invalidations of this process by tag; times are of the process's monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_tag: dict[str, tuple[float, float]] = {}
        """(time of the invalidation, end of the settling), the oldest first."""
        self._since = float("inf")
        """Nothing is known about changes before this time."""
        self._latest = 0.0
        """Until when a reply has to be compared by its tags."""

    @property
    def are_received(self) -> bool:
        return self._since != float("inf")

    def begin(self) -> None:
        """Changes are received from now on."""
        with self._lock:
            self._by_tag.clear()
            self._since = self._latest = self._clock()

    def end(self) -> None:
        """Changes are not received any more: nothing is current."""
        with self._lock:
            self._since = float("inf")

    def record(self, drops: Iterable[Drop]) -> None:
        """Invalidate replies."""
        with self._lock:
            now = self._clock()
            for drop in drops:
                settled_at = now + drop.settling
                self._by_tag.pop(drop.tag, None)
                self._by_tag[drop.tag] = now, settled_at
                self._latest = max(self._latest, settled_at)
            while self._by_tag:
                oldest = next(iter(self._by_tag))
                if self._by_tag[oldest][0] > now - HORIZON:
                    break
                del self._by_tag[oldest]

    def is_current(self, tags: Iterable[str], began: float, now: float) -> bool:
        """Whether a reply with these tags, whose computation began at this time, may be used."""
        if began > self._latest:
            return began >= self._since
        if began <= self._since or now - began > HORIZON / 2:
            return False
        by_tag = self._by_tag
        for tag in tags:
            invalidated = by_tag.get(tag)
            if invalidated is not None and (
                began <= invalidated[0] or (began <= invalidated[1] and now - began > SETTLING_LIFETIME)
            ):
                return False
        return True
