"""The scenarios by name, each a function that carries one out on a `Run`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ultramarket.chaos.run import Run
from ultramarket.chaos.scenarios import (
    clock,
    double_click,
    kill_all,
    overload,
    oversell,
    refund_race,
    rolling_restart,
    servers,
    webhooks,
)


@dataclass(frozen=True)
class Scenario:
    """A scenario: what it does, in which layout, with how many buyers."""

    name: str
    summary: str
    carry_out: Callable[[Run], None]
    buyers: int
    layout: str = "compact"


SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario("oversell", "many buyers, few units: of one SKU, and in overlapping baskets", oversell.carry_out, 150),
        Scenario("double-click", "each buyer sends the same order many times at once", double_click.carry_out, 100),
        Scenario("kill-all", "every process is killed while orders come in", kill_all.carry_out, 1_000, "separate"),
        Scenario("servers", "each server is stopped, killed and frozen under steady orders", servers.carry_out, 4),
        Scenario("overload", "orders arrive at four times the capacity", overload.carry_out, 1),
        Scenario("rolling-restart", "all our processes are restarted under load", rolling_restart.carry_out, 6),
        Scenario("clock", "services whose clocks are ten minutes ahead or behind", clock.carry_out, 4),
        Scenario("webhooks", "payments confirmed by webhooks: doubled, reordered, lost", webhooks.carry_out, 60),
        Scenario("refund-race", "parallel refunds and cancellations of one order", refund_race.carry_out, 20),
    )
}
