"""Servers: each is stopped, killed and frozen for a while under steady orders. No wrong answer, and it all recovers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from ultramarket.chaos import faults, outages
from ultramarket.chaos.outages import Outage
from ultramarket.chaos.run import Run

SERVERS: Final = ("postgres", "rabbitmq", "redis", "mongodb", "elasticsearch", "kafka", "mail")
KINDS: Final[dict[str, Callable[[Run, str], AbstractContextManager[object]]]] = {
    "stopped": faults.stopped,
    "killed": faults.killed,
    "frozen": faults.frozen,
}
FAULT_SECONDS: Final = 30.0


def carry_out(run: Run) -> None:
    """Each server x (stopped, killed, frozen); after each fault all works again within 30 s."""
    chosen = run.servers or SERVERS
    kinds = [Outage(server, kind, KINDS[kind](run, server), kind == "stopped") for server in chosen for kind in KINDS]
    outages.carry_out(run, kinds, run.fault_seconds or FAULT_SECONDS)
