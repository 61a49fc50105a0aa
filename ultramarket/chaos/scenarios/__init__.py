"""The scenarios by name, each a function that carries one out on a `Run`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ultramarket.chaos.run import Run
from ultramarket.chaos.scenarios import (
    clock,
    double_click,
    kill_all,
    network,
    overload,
    oversell,
    refund_race,
    rolling_restart,
    servers,
    webhooks,
)
from ultramarket.fault_proxy import PROXIED
from ultramarket.up_settings import FAULT_PROXY_SETTING

AS_DELIVERED: Final = {"ULTRAMARKET_GATEWAY_ORDER_SECONDS": ""}
"""Deadlines of the product's own defaults, for scenarios that measure them."""


@dataclass(frozen=True)
class Scenario:
    """A scenario: what it does, in which layout, with how many buyers."""

    name: str
    summary: str
    carry_out: Callable[[Run], None]
    buyers: int
    layout: str = "compact"
    servers: tuple[str, ...] = ()
    """The servers that it disturbs one after the other; some of them may be chosen."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of its instance that differ from the usual ones of scenarios."""


SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario("oversell", "many buyers, few units: of one SKU, and in overlapping baskets", oversell.carry_out, 150),
        Scenario("double-click", "each buyer sends the same order many times at once", double_click.carry_out, 100),
        Scenario("kill-all", "every process is killed while orders come in", kill_all.carry_out, 1_000, "separate"),
        Scenario(
            "servers",
            "each server is stopped, killed and frozen under steady orders",
            servers.carry_out,
            4,
            servers=servers.SERVERS,
            settings=AS_DELIVERED,
        ),
        Scenario(
            "network",
            "the connections to each server are slow, reset or silent under steady orders",
            network.carry_out,
            4,
            servers=PROXIED,
            settings=AS_DELIVERED | {FAULT_PROXY_SETTING: "on"},
        ),
        Scenario("overload", "orders arrive at four times the capacity", overload.carry_out, 1),
        Scenario("rolling-restart", "all our processes are restarted under load", rolling_restart.carry_out, 6),
        Scenario("clock", "services whose clocks are ten minutes ahead or behind", clock.carry_out, 4),
        Scenario("webhooks", "payments confirmed by webhooks: doubled, reordered, lost", webhooks.carry_out, 60),
        Scenario("refund-race", "parallel refunds and cancellations of one order", refund_race.carry_out, 20),
    )
}
