"""Gathered calls: reads that arrive while others of their kind are under way become one call.

A message through the broker and a query cost more than what they carry. With little traffic each read is a call of its
own; the more there is, the more reads a call has. A read joins only a call that has not begun, so it sees every change
that was committed before it arrived.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar

from services.chassis.common.errors import DeadlineExceeded

K = TypeVar("K")
V = TypeVar("V")

TURN_SECONDS: Final = 0.05
"""Longest wait for the call before: slow calls go on at the same time."""


class _Batch(Generic[K, V]):
    """Keys of one call; the thread that made it sends the call when `turn` is set."""

    def __init__(self) -> None:
        self.keys: dict[K, None] = {}
        self.turn = threading.Event()
        self.values: Future[dict[K, V]] = Future()


class GatheredCalls(Generic[K, V]):
    """Reads of one kind in this process: `at_once` calls at a time while they are fast, of `most` keys at most.

    `seconds`: the deadline of a call.
    """

    def __init__(self, at_once: int, most: int, seconds: float) -> None:
        self._at_once, self._most = at_once, most
        self._seconds = TURN_SECONDS + seconds + 1
        self._lock = threading.Lock()
        self._calls = 0
        self._gathering: list[_Batch[K, V]] = []

    def get(self, key: K, one: Callable[[K], V], many: Callable[[list[K]], dict[K, V]]) -> V | None:
        """The value of the key, by `one`, or by `many` with those of others; None if `many` has none.

        Raises what they raise, `many` for all that were gathered.
        """
        with self._lock:
            if self._calls < self._at_once:
                self._calls += 1
                batch, leads = None, True
            else:
                batch, leads = self._join(key)
        if batch is None:
            try:
                return one(key)
            finally:
                self._end_call()
        if leads:
            self._send(batch, many)
        try:
            return batch.values.result(self._seconds).get(key)
        except TimeoutError:
            raise DeadlineExceeded from None

    def _join(self, key: K) -> tuple[_Batch[K, V], bool]:
        last = self._gathering[-1] if self._gathering else None
        leads = last is None or len(last.keys) >= self._most
        batch: _Batch[K, V] = _Batch() if last is None or leads else last
        if leads:
            self._gathering.append(batch)
        batch.keys[key] = None
        return batch, leads

    def _send(self, batch: _Batch[K, V], many: Callable[[list[K]], dict[K, V]]) -> None:
        """Wait for the batch's turn, then make its call."""
        if not batch.turn.wait(TURN_SECONDS):
            with self._lock:
                if batch in self._gathering:
                    self._gathering.remove(batch)
                    self._calls += 1
        try:
            batch.values.set_result(many(list(batch.keys)))
        except BaseException as failed:
            batch.values.set_exception(failed)
        finally:
            self._end_call()

    def _end_call(self) -> None:
        """Give the place to the batch that has waited longest."""
        with self._lock:
            if self._gathering:
                self._gathering.pop(0).turn.set()
            else:
                self._calls -= 1


def install(app: Any, deadline: float) -> None:
    """Set up the gathered calls of the application."""
    app.extensions["gathered_details"] = GatheredCalls[str, Any](at_once=1, most=40, seconds=deadline)
    app.extensions["gathered_lists"] = GatheredCalls[Any, Any](at_once=1, most=20, seconds=deadline)
