"""`python -m tests.support.mutation`: how many mutants of each service `mutmut run` found and the tests killed."""

import json
from collections import Counter
from pathlib import Path

MUTANTS = Path("mutants")
SURVIVED, NOT_TESTED = (0,), (5, 33)
"""Exit codes of the tests on a mutant: they passed, or none of them came by."""


def scores() -> dict[str, Counter[str]]:
    """Per service: mutants that were killed, survived, and that no test came by."""
    services: dict[str, Counter[str]] = {}
    for file in sorted(MUTANTS.rglob("*.meta")):
        service = file.relative_to(MUTANTS).parts[1]
        counts = services.setdefault(service, Counter())
        for code in json.loads(file.read_text())["exit_code_by_key"].values():
            if code is not None:
                counts["survived" if code in SURVIVED else "not tested" if code in NOT_TESTED else "killed"] += 1
    return services


def report() -> str:
    lines = [f"{'service':<12}{'killed':>8}{'survived':>10}{'not tested':>12}{'score':>8}"]
    services = scores()
    for service, counts in (services | {"all": sum(services.values(), Counter[str]())}).items():
        share = counts["killed"] / counts.total() if counts else 0
        row = f"{service:<12}{counts['killed']:>8}{counts['survived']:>10}{counts['not tested']:>12}{share:>8.1%}"
        lines.append(row)
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())  # noqa: T201 - a command
