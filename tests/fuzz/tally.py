"""Counts of a run by route and by role, and the replies that were wrong, grouped."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """A reply that was wrong: the check that it failed, the request to repeat, the beginning of the reply."""

    role: str
    route: str
    check: str
    message: str
    request: str
    reply: str

    @property
    def group(self) -> tuple[str, str, str]:
        """The same for replies that are wrong in the same way."""
        return self.route, self.check, self.message.partition("\n")[0][:200]

    def __str__(self) -> str:
        return f"{self.role} {self.route}: {self.check}: {self.message}\n{self.request}\n{self.reply}"


@dataclass
class Tally:
    """The statuses of a run, and its failures."""

    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """By route."""
    by_role: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[Failure] = field(default_factory=list)

    def add(self, role: str, route: str, status: int) -> None:
        """Count a reply."""
        self.statuses[route][status] += 1
        self.by_role[role][status] += 1

    @property
    def calls(self) -> int:
        return sum(counter.total() for counter in self.statuses.values())

    @property
    def successes(self) -> int:
        return sum(successes(counter) for counter in self.statuses.values())

    def groups(self) -> Iterator[tuple[int, Failure]]:
        """The number of failures of each kind, and the first of them."""
        first: dict[tuple[str, str, str], Failure] = {}
        numbers: Counter[tuple[str, str, str]] = Counter()
        for failure in self.failures:
            first.setdefault(failure.group, failure)
            numbers[failure.group] += 1
        return ((numbers[group], failure) for group, failure in first.items())


def successes(counter: Counter[int]) -> int:
    """The replies below 400."""
    return sum(count for status, count in counter.items() if status < 400)
