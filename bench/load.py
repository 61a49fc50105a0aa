"""A closed loop: so many clients, each doing its work again as soon as it is done, for so many seconds."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Work = Callable[[], None]
"""One operation; raises `Refused` when the answer is not the one that is measured."""


class Refused(Exception):
    """The answer was an error: counted, not timed."""


@dataclass
class Result:
    """Measurements of a loop. Times in seconds."""

    seconds: float
    times: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    def percentile(self, percent: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.times)
        return 1000 * ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else float("nan")


def run(make_client: Callable[[int], Work], clients: int, seconds: float) -> Result:
    """Drive `clients` loops side by side. Each has its own work, made by `make_client` before the clock runs."""
    works = [make_client(number) for number in range(clients)]
    start = threading.Barrier(clients + 1)
    stop = threading.Event()
    times: list[list[float]] = [[] for _ in works]
    errors: dict[str, int] = {}

    def loop(number: int, work: Work) -> None:
        mine = times[number]
        start.wait()
        while not stop.is_set():
            begun = time.perf_counter()
            try:
                work()
            except Refused as refused:
                errors[str(refused)] = errors.get(str(refused), 0) + 1
                continue
            mine.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=loop, args=item, daemon=True) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return Result(time.perf_counter() - begun, [each for mine in times for each in mine], errors)
