"""Steady load: buyers who order one after the other, so many at once, until they are told to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ultramarket.chaos.run import Run


class Load:
    """Guests who order one unit of `sku` each, `at_once` at a time, at most `limit` in all."""

    def __init__(self, run: Run, sku: str, at_once: int = 8, limit: int | None = None) -> None:
        self.run, self.sku, self.at_once = run, sku, at_once
        self._left = limit
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._buy, name="buyer", daemon=True) for _ in range(at_once)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Let each buyer finish the order that it has begun."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _buy(self) -> None:
        while not self._stopping.is_set() and self._take():
            buyer = self.run.buyer()
            if buyer.fill_cart({self.sku: 1}).status == 201:
                self.run.record(buyer.order())

    def _take(self) -> bool:
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0


@contextmanager
def steady_load(run: Run, sku: str, at_once: int = 8) -> Iterator[Callable[[], int]]:
    """Load for the length of the block; yields a function that counts the orders with an outcome so far."""
    load = Load(run, sku, at_once)
    load.start()
    try:
        yield lambda: len(run.outcomes)
    finally:
        load.stop()
