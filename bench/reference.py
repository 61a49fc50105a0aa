"""`python -m bench reference`, by `make bench-reference`: write the figures that `bench check` compares with.

Made when a change is meant to cost what it costs, or has made something cheaper; commit the file with that change.
"""

import argparse
import json
from typing import Any, Final

from bench import report
from bench.checking import INSTANCE, REFERENCE, WORKS, measure, stage_of
from bench.work_list import Works

RUNS: Final = 3


def main(arguments: list[str]) -> int:
    """Parse the arguments, measure, write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench reference", description=__doc__)
    parser.add_argument("--instance", default=INSTANCE, help=f"the instance, made and removed (default {INSTANCE})")
    parser.add_argument("--keep", action="store_true", help="leave the instance")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how often all is measured (default {RUNS})")
    options = parser.parse_args(arguments)
    console = report.console()
    with stage_of(options.instance, options.keep, console) as stage:
        works = Works(stage)
        runs = [measure(stage, works, WORKS, console) for _ in range(options.runs)]
    REFERENCE.write_text(json.dumps(together(runs), indent=1) + "\n")
    console.print(f"written to {REFERENCE}")
    return 0


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One result with the rounds of all runs, and of each row only what is compared."""
    works = []
    for rows in zip(*(run["works"] for run in runs), strict=True):
        rounds = [each for row in rows for each in row["rounds"]]
        works.append({"work": rows[0]["work"], "clients": rows[0]["clients"], "rounds": rounds})
    return {"machine": runs[0]["machine"], "runs": len(runs), "works": works}
