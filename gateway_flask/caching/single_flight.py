"""Answers kept for a moment, where many ask the same thing: one of them asks, the others wait for what it hears."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

from cachetools import TTLCache


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and until when it is kept (monotonic seconds); one that isn't kept was made just now."""

    body: bytes
    until: float = 0.0

    @property
    def seconds_left(self) -> int:
        """Whole seconds that it may still be used for, by a browser too."""
        return max(0, int(self.until - time.monotonic()))


class SingleFlightCache:
    """The answers of one process, at most so many, each for so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answers: TTLCache[Hashable, Answer] = TTLCache(most, seconds)
        self._asked: dict[Hashable, Future[Answer]] = {}
        """What somebody is asking for at this moment."""

    def find(self, key: Hashable, ask: Callable[[], tuple[bytes, bool]]) -> Answer:
        """What is kept under the key, or what `ask` gives: the body, and whether it is worth keeping.

        Whatever `ask` raises is raised to all who wait for it, and not kept.
        """
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None:
                return kept
            waiting = self._asked.get(key)
            if waiting is None:
                mine = self._asked[key] = Future[Answer]()
        if waiting is not None:
            return waiting.result()
        try:
            body, worth_keeping = ask()
            answer = Answer(body, time.monotonic() + self._seconds if worth_keeping else 0.0)
        except BaseException as failed:
            self._settle(key)
            mine.set_exception(failed)
            raise
        self._settle(key, answer if worth_keeping else None)
        mine.set_result(answer)
        return answer

    def _settle(self, key: Hashable, answer: Answer | None = None) -> None:
        with self._lock:
            del self._asked[key]
            if answer is not None:
                self._answers[key] = answer
