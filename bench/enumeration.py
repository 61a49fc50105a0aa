"""Whether the time of a reply tells if an address has an account: `python -m bench.enumeration [SAMPLES]`.

Sends requests for addresses with and without an account in turn, to the gateway itself, each from an address of its
own. Prints medians and the p-value of a rank test (Mann-Whitney, two-sided): below 0.01 the two can be told apart.
"""

import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable

import requests
from rich.console import Console

CONSOLE = Console()
PASSWORD = "correct horse battery"


def p_value(first: list[float], second: list[float]) -> float:
    """The probability of ranks as different as these, if both came from one distribution (normal approximation)."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, group) in enumerate(ranked, 1) if group == 0)
    count = len(first) * len(second)
    u = ranks - len(first) * (len(first) + 1) / 2
    deviation = (count * (len(first) + len(second) + 1) / 12) ** 0.5
    return 2 * (1 - statistics.NormalDist().cdf(abs(u - count / 2) / deviation))


class Client:
    """Requests to the gateway; nginx, whose part this is, names another client's address each time."""

    def __init__(self, url: str) -> None:
        self.url, self.session, self.count = url, requests.Session(), 0

    def milliseconds(self, path: str, body: dict[str, str], status: int) -> float:
        self.count += 1
        forwarded = f"10.{self.count >> 16 & 255}.{self.count >> 8 & 255}.{self.count & 255}"
        begin = time.perf_counter()
        reply = self.session.post(f"{self.url}/api/v1/auth/{path}", json=body, headers={"X-Forwarded-For": forwarded})
        elapsed = (time.perf_counter() - begin) * 1000
        assert reply.status_code == status, reply.text
        return elapsed


def compare(name: str, count: int, known: Callable[[int], float], unknown: Callable[[int], float]) -> None:
    """Measure in turn, the order changing, and print a row."""
    pairs: tuple[list[float], list[float]] = ([], [])
    for index in range(count):
        order = (0, 1) if index % 2 else (1, 0)
        for which in order:
            pairs[which].append((known, unknown)[which](index))
    medians = [statistics.median(pair) for pair in pairs]
    CONSOLE.print(f"| {name} | {medians[0]:.1f} ms | {medians[1]:.1f} ms | {p_value(*pairs):.3f} |")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    client = Client(os.environ.get("GATEWAY_URL", "http://127.0.0.1:3048"))
    run = uuid.uuid4().hex[:8]

    def register(email: str, status: int) -> float:
        person = {"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}
        return client.milliseconds("register", person, status)

    def known(index: int) -> str:
        return f"known-{run}-{index}@example.com"

    def unknown(index: int) -> str:
        return f"other-{run}-{index}@example.com"

    created = [register(known(index), 201) for index in range(count)]
    taken = [register(known(index), 409) for index in range(count)]
    CONSOLE.print("| Route | address with an account | without | p |\n|---|---|---|---|")
    medians = [statistics.median(values) for values in (taken, created)]
    CONSOLE.print(
        f"| register (409, 201) | {medians[0]:.1f} ms | {medians[1]:.1f} ms | {p_value(taken, created):.3f} |"
    )

    def log_in(email: str) -> float:
        return client.milliseconds("login", {"email": email, "password": "a wrong password"}, 401)

    def forget(email: str) -> float:
        return client.milliseconds("password/forgot", {"email": email}, 202)

    compare("login", count, lambda index: log_in(known(index)), lambda index: log_in(unknown(index)))
    compare("password/forgot", count, lambda index: forget(known(index)), lambda index: forget(unknown(index)))


if __name__ == "__main__":
    main()
