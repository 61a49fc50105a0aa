"""Network: the connections to each server become slow, are reset, or go silent, under steady orders."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from ultramarket.chaos import outages, toxics
from ultramarket.chaos.outages import Outage
from ultramarket.chaos.run import Run
from ultramarket.fault_proxy import PROVIDER, PROXIED

KINDS: Final[dict[str, Callable[[Run, str], AbstractContextManager[object]]]] = {
    "latency": toxics.latency,
    "resets": toxics.resets,
    "half-open": toxics.half_open,
}
OF_PROVIDER: Final = KINDS | {"refused": toxics.refused}
"""The payment provider is another company's server, which the scenario `servers` can't stop."""
FAULT_SECONDS: Final = 30.0


def carry_out(run: Run) -> None:
    """Each server x (500 ms latency, 5 % resets, half-open); after each fault all works again within 30 s."""
    chosen = run.servers or PROXIED
    kinds = [
        Outage(server, kind, fault(run, server), kind == "refused")
        for server in chosen
        for kind, fault in (OF_PROVIDER if server == PROVIDER else KINDS).items()
    ]
    outages.carry_out(run, kinds, run.fault_seconds or FAULT_SECONDS)
