"""Rolling restart: every process of ours is restarted while orders come in, and no request is lost."""

import subprocess
import sys

from ultramarket.chaos.load import Load
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run

AT_ONCE = 6
ROLLING_SECONDS = 900
LOST = ("500", "502", "504")
"""Statuses that no reply may have meanwhile; a 503 names a time to try again."""


def carry_out(run: Run) -> None:
    """`ultramarket restart --all --rolling` under load."""
    [sku] = new_products(run, [100_000])
    load = Load(run, sku, AT_ONCE)
    load.start()
    with run.fault("rolling restart"):
        command = [sys.executable, "-W", "ignore", "-m", "ultramarket.cli", "--instance", run.instance.name]
        restarted = subprocess.run(
            [*command, "restart", "--all", "--rolling"], capture_output=True, text=True, timeout=ROLLING_SECONDS
        )
    load.stop()
    run.expect(restarted.returncode == 0, f"the restart failed: {restarted.stdout}{restarted.stderr}"[:500])
    statuses = run.client.statuses
    lost = sum(count for status, count in statuses.items() if status in LOST or not status.isdigit())
    run.findings |= {"orders": len(run.outcomes), "requests without a right answer": lost}
    run.expect(lost == 0, f"{lost} requests were lost")
    refused = [outcome.code for outcome in run.outcomes if outcome.kind != "confirmed"]
    run.expect(not refused, f"{len(refused)} orders were not confirmed: {', '.join(sorted(set(refused)))}")
    sold = len(run.outcomes) - len(refused)
    level = level_of(run, sku)
    run.expect(level[1] == 0 and level[0] == 100_000 - sold, f"stock is {level}, {sold} were sold")
