"""`make fuzz`: generated requests to a running instance, REST and GraphQL, as each role.

Each round walks all routes as each role, then follows chains of requests that the document's links make, then sends
GraphQL documents. Ids in replies are used in later requests. Ends with tables by role and by route and with the
failures, grouped; exit code 1 if a reply did not fit the document, was a server error, or accepted what it must refuse.
The instance's data are changed: use one that you can wipe.
"""

import argparse
import re
import signal
import sys
import time

from rich.console import Console

from tests.fuzz import report
from tests.fuzz.callers import ALL_ROLES
from tests.fuzz.calls import PATHS
from tests.fuzz.rounds import Plan, rounds
from tests.fuzz.tally import Tally
from tests.support.shop import Shop
from ultramarket.instance import load


def main() -> int:
    """Parse the arguments, run, and print the tables."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--instance", default="fuzz", help="the running instance (default: fuzz)")
    parser.add_argument("--minutes", type=float, default=20, help="how long (default 20; 0: one round)")
    parser.add_argument("--roles", default=",".join(ALL_ROLES), help="comma-separated (default: all)")
    parser.add_argument("--routes", default="", help="only routes whose name or path matches this; walks only")
    parser.add_argument("--invalid", type=float, default=0.3, help="share of routes that get an invalid request, too")
    parser.add_argument("--foreign", type=float, default=0.1, help="share of forbidden routes that are called, too")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the generated requests")
    parser.add_argument("--failures", type=int, default=50, help="end after so many different ones (default 50)")
    arguments = parser.parse_args()
    console = Console()
    plan = Plan(
        Shop(load(arguments.instance).environment()),
        tuple(arguments.roles.split(",")),
        {name for name, (_, path) in PATHS.items() if re.search(arguments.routes, f"{name} {path}")},
        arguments.invalid,
        arguments.foreign,
        arguments.seed,
        walks_only=bool(arguments.routes),
    )
    tally = Tally()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console.print(f"seed {arguments.seed}")
    end = time.monotonic() + arguments.minutes * 60
    kinds = 0
    try:
        with report.progress(console, arguments.minutes * 60) as update:
            for step in rounds(plan, tally):
                before, kinds = kinds, len(list(tally.groups()))
                for _, failure in list(tally.groups())[before:]:
                    console.print(f"FAILURE {failure}", markup=False)
                update(f"{step}: {tally.calls} calls, {len(tally.failures)} failures of {kinds} kinds")
                is_over = time.monotonic() > end if arguments.minutes else step.startswith("round 2")
                if is_over or kinds >= arguments.failures:
                    break
    finally:  # of a run that was interrupted as well
        report.show(tally, console)
        console.print(f"Again: make fuzz OPTIONS='--seed {arguments.seed}'")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
