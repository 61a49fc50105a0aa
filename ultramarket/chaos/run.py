"""A run of one scenario: its instance, its random numbers, the orders so far, and the faults over time."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ultramarket.api_client import ApiClient, ApiError, administrator_client
from ultramarket.chaos.buyers import Buyer, Counters, Outcome
from ultramarket.chaos.outage_results import OutageResult
from ultramarket.chaos.shop_client import ShopClient
from ultramarket.instance import Instance
from ultramarket.supervision import Supervisor

T = TypeVar("T")

SAMPLE_SECONDS: Final = 0.5
SIGN_IN_SECONDS: Final = 30.0


class ScenarioFailed(Exception):
    """The scenario could not be carried out, or found something wrong."""


@dataclass(frozen=True)
class Sample:
    """The counters at a time since the run's beginning (seconds)."""

    at: float
    placed: int
    confirmed: int
    refused: int
    in_flight: int


@dataclass
class Fault:
    """A fault that was on from `begun` to `ended` (seconds since the run's beginning)."""

    name: str
    begun: float
    ended: float | None = None


@dataclass
class Run:
    """The state that a scenario works with."""

    scenario: str
    instance: Instance
    seed: int
    buyers: int
    counters: Counters = field(default_factory=Counters)
    samples: list[Sample] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    findings: dict[str, Any] = field(default_factory=dict)
    """Figures of the scenario for the report."""
    wrong: list[str] = field(default_factory=list)
    """What the scenario itself found wrong."""
    servers: tuple[str, ...] = ()
    """The servers to disturb; all when empty."""
    fault_seconds: float | None = None
    """How long each fault lasts, where not as long as the scenario says."""
    outages: list[OutageResult] = field(default_factory=list)
    availability: dict[str, dict[str, str]] = field(default_factory=dict)
    """Per server, the outcome of each operation while it was stopped."""
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.client = ShopClient(self.instance.gateway_url)
        self.supervisor = Supervisor(self.instance)
        self.emails: set[str] = set()
        self._stop_sampling = threading.Event()
        self._lock = threading.Lock()

    @property
    def now(self) -> float:
        """Seconds since the run's beginning."""
        return time.monotonic() - self.started

    def administrator(self) -> ApiClient:
        """A client of the administrator; while a service comes back after a fault, signing in is tried again.

        Raises `ApiError`.
        """
        until = time.monotonic() + SIGN_IN_SECONDS
        while True:
            try:
                return administrator_client(self.instance)
            except ApiError as error:
                if not error.is_temporary or time.monotonic() >= until:
                    raise
            time.sleep(SAMPLE_SECONDS)

    def buyer(self) -> Buyer:
        """A new buyer, whose orders belong to this run."""
        buyer = Buyer(self.client, self.counters)
        with self._lock:
            self.emails.add(buyer.email)
        return buyer

    def record(self, outcome: Outcome) -> Outcome:
        with self._lock:
            self.outcomes.append(outcome)
        return outcome

    def expect(self, holds: bool, message: str) -> None:
        """Note what is wrong, and go on: the report shows everything."""
        if not holds:
            self.wrong.append(message)

    @contextmanager
    def fault(self, name: str) -> Iterator[Fault]:
        """Mark a fault in the timeline."""
        fault = Fault(name, self.now)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            fault.ended = self.now

    @property
    def faults_now(self) -> list[str]:
        return [fault.name for fault in self.faults if fault.ended is None]

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Record the counters twice a second."""
        sampler = threading.Thread(target=self._sample, name="samples", daemon=True)
        sampler.start()
        try:
            yield
        finally:
            self._stop_sampling.set()
            sampler.join()

    def _sample(self) -> None:
        while True:
            counters = self.counters
            figures = (counters.placed, counters.confirmed, counters.refused, counters.in_flight)
            self.samples.append(Sample(round(self.now, 2), *figures))
            if self._stop_sampling.wait(SAMPLE_SECONDS):
                return


def in_parallel(at_once: int, works: Sequence[Callable[[], T]]) -> list[T]:
    """Run works side by side, so many at once; their results in order. Raises the first exception."""
    with ThreadPoolExecutor(at_once) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.3) -> bool:
    """Whether the condition became true within the time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= until:
            return False
        time.sleep(every)
    return True
