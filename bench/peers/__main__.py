"""`python -m bench.peers`: Vendure beside an instance, the same works in turn, one table.

Needs Node and npm. The first time, the packages are downloaded and 1,000 products filled in: some minutes.
"""

import argparse
import os
import random
import signal
import sys
import urllib.parse
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from bench import costs, load, report
from bench.floors.all import AMQP, PYTHON, floors_of
from bench.peers import page, vendure_works
from bench.peers.terms import TERMS
from bench.peers.vendure_process import Vendure, install
from bench.progress import progress
from bench.rounds import Rounds
from bench.stage import bring_up
from bench.work_list import Runner, Works
from bench.works import connection

OURS, THEIRS = "UltraMarket", "Vendure"
FLOORS: Final = (AMQP, PYTHON)
FLOOR_SECONDS: Final = 0.3
IDLE_SECONDS: Final = 4.0


def main() -> None:
    """Parse the arguments, prepare both, measure, write the results and the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--instance", default="bench", help="the instance; started when it does not run")
    parser.add_argument("--seconds", type=float, default=4, help="how long a work runs in each round (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each work is measured (default 3)")
    parser.add_argument("--clients", type=int, default=16, help="clients of each work (default 16)")
    parser.add_argument("--only", default="", metavar="TEXT", help="measure only works whose name has this in it")
    parser.add_argument("--keep", action="store_true", help="leave the instance running and Vendure's database filled")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing behind then either
    console = report.console()
    with console.status("npm"):
        install()
    with console.status(f"instance {options.instance} comes up"):
        stage = bring_up(options.instance)
    vendure = Vendure(os.environ["ULTRAMARKET_POSTGRES_URL"], int(os.environ["ULTRAMARKET_PORT_BASE"]))
    try:
        with console.status("products into Vendure, which takes minutes"):
            vendure.fill()
        with console.status("products into UltraMarket"):
            ours = _our_works(Works(stage), stage.url)
        with console.status("Vendure starts and completes its search index"), vendure.running() as theirs:
            works = {
                f"{name}, {shop}": runner
                for name, make in vendure_works.works(vendure.port).items()
                for shop, runner in ((OURS, ours[name]), (THEIRS, partial(load.run, make)))
                if options.only in name
            }
            listed = [*costs.processes(stage.instance), *theirs]
            with floors_of(stage.instance, FLOORS) as floors:
                measuring = Rounds(listed, floors, options.seconds, FLOOR_SECONDS)
                rows = _measure(measuring, works, options)
        results = {
            "machine": costs.machine(), "seconds": options.seconds, "rounds": options.rounds,
            "vendure": page.version(), "idle_cpu_ms_per_second": measuring.idle_cpu, "works": rows,
        }  # fmt: skip
        lines = page.table(results)
        console.print("\n".join(lines), markup=False)
        console.print(f"kept in {page.write(results, lines)}")
    finally:
        if not options.keep:
            vendure.drop()
            stage.ultramarket("down")


def _measure(measuring: Rounds, works: dict[str, Runner], options: argparse.Namespace) -> list[dict[str, Any]]:
    measuring.measure_idle(IDLE_SECONDS)
    with progress(report.console(), len(works) * (1 + options.rounds)) as advance:
        rows = measuring.measure(works, (options.clients,), options.rounds, advance)
    for row in rows:
        row["work"], _, row["shop"] = row["work"].rpartition(", ")
        row["cpu"] = {name: ms for name, ms in row["cpu"].items() if _belongs(name, row["shop"])}
        row["cpu_ms"] = round(sum(row["cpu"].values()), 3)
    return rows


def _belongs(process: str, shop: str) -> bool:
    """Whether a process works for a shop: both use the generator and PostgreSQL, in turn."""
    if process in (costs.GENERATOR, "postgres"):
        return True
    return process.startswith("vendure-") == (shop == THEIRS)


def _our_works(works: Works, url: str) -> dict[str, Runner]:
    names: Iterable[str] = vendure_works.works(0)
    runners = {name: works.runner(name) for name in names if name != "search"}
    return runners | {"search": partial(load.run, _search(url))}


def _search(url: str) -> Callable[[int], load.Work]:
    """The same terms at our own search, with facets."""
    paths = ["/search?" + urllib.parse.urlencode({"q": term, "limit": 20}) for term in TERMS]

    def make(number: int) -> load.Work:
        client, chance = connection(url), random.Random(number)

        def work() -> None:
            status, _, body = client.request("GET", chance.choice(paths))
            if status != 200 or b'"degraded":false' not in body:
                raise load.Refused(str(status) if status != 200 else "degraded")

        return work

    return make


if __name__ == "__main__":
    main()
