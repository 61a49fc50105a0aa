"""`make fuzz`: requests generated from the OpenAPI document, as each role, on a running instance.

Ids in replies are used in later requests. Ends with a table by route; exit code 1 if a reply did not fit the document.
The instance's data are changed: use one that you can wipe.
"""

import argparse
import re
import sys
import time

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.fuzz.calls import PATHS
from tests.fuzz.run import ALL_ROLES, Fuzz, Tally, until
from tests.support.shop import Shop
from ultramarket.instance import load


def main() -> int:
    """Parse the arguments, run, and print the table."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--instance", default="fuzz", help="the running instance (default: fuzz)")
    parser.add_argument("--minutes", type=float, default=10, help="how long (default 10; 0: one round)")
    parser.add_argument("--roles", default=",".join(ALL_ROLES), help="comma-separated (default: all)")
    parser.add_argument("--routes", default="", help="only routes whose name or path matches this pattern")
    parser.add_argument("--invalid", type=float, default=0.3, help="share of routes that get an invalid request, too")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the generated requests")
    parser.add_argument("--failures", type=int, default=20, help="end after so many (default 20)")
    arguments = parser.parse_args()
    names = {name for name, (_, path) in PATHS.items() if re.search(arguments.routes, f"{name} {path}")}
    console = Console()
    shop = Shop(load(arguments.instance).environment())
    tally = Tally()
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(f"seed {arguments.seed}")
        for number in until(max(arguments.minutes * 60, 0.001)):
            fuzz = Fuzz(shop, arguments.seed + number)
            fuzz.tally = tally
            fuzz.prepare()
            for name in fuzz.round(tuple(arguments.roles.split(",")), names, arguments.invalid, everything=True):
                text = f"round {number}: {tally.calls} calls, {len(tally.failures)} failures, {name}"
                progress.update(task, description=text)
                if len(tally.failures) >= arguments.failures:
                    break
            if len(tally.failures) >= arguments.failures or arguments.minutes == 0:
                break
    show(tally, console)
    console.print(f"Again: make fuzz OPTIONS='--seed {arguments.seed}'")
    return 1 if tally.failures else 0


def show(tally: Tally, console: Console) -> None:
    """Print the statuses by route, the failures and the share of successes."""
    table = Table("route", "calls", "2xx, 3xx", "4xx", "5xx", "statuses")
    for name, counter in sorted(tally.statuses.items()):
        groups = [sum(count for status, count in counter.items() if low <= status < high) for low, high in BANDS]
        statuses = " ".join(f"{status}×{count}" for status, count in sorted(counter.items()))
        table.add_row(name, str(counter.total()), *map(str, groups), statuses)
    console.print(table)
    for failure in tally.failures:
        console.print(failure, markup=False)
    share = tally.successes / max(tally.calls, 1)
    console.print(f"{tally.calls} calls, {share:.0%} succeeded, {len(tally.failures)} failures")


BANDS = ((100, 400), (400, 500), (500, 600))


if __name__ == "__main__":
    sys.exit(main())
