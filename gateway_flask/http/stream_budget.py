"""Budget of replies of one kind that are under way: in this process, and for one caller."""

import threading
from collections import Counter

from services.chassis.common.errors import ServiceUnavailable


class StreamBudget:
    """A budget of replies that hold a thread each."""

    def __init__(self, kind: str, most: int, most_per_caller: int) -> None:
        self.kind, self.most, self.most_per_caller = kind, most, most_per_caller
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Take a place for the caller. Raises `ServiceUnavailable` when there is none."""
        with self._lock:
            if self._open[caller] >= self.most_per_caller:
                raise ServiceUnavailable(f"At most {self.most_per_caller} {self.kind} at once for one caller")
            if self._open.total() >= self.most:
                raise ServiceUnavailable(f"At most {self.most} {self.kind} at once")
            self._open[caller] += 1

    def give_back(self, caller: str) -> None:
        """Give a place back."""
        with self._lock:
            self._open[caller] -= 1
            if self._open[caller] <= 0:
                del self._open[caller]
