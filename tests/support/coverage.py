"""`python -m tests.support.coverage FOLDER MINIMUM`: coverage of all processes of a test run, lines and branches.

Prints the files with missing lines and the total. Exit code: 1 when the total is below the minimum (per cent).
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from slipcover import Slipcover, print_coverage
from slipcover.slipcover import add_summaries

from tests.coverage_hook.sitecustomize import ROOT, SOURCES

EXCLUDED: Final = [r"^\s*\.\.\.$", "if __name__ == .__main__.:"]
"""Lines that do nothing of their own: bodies of protocols, and the guard of a main module."""


def combined(folder: Path) -> dict[str, Any]:
    """The coverage of all processes together, files that no process imported included."""
    executed: dict[str, set[Any]] = defaultdict(set)
    for result in folder.glob("*.json"):
        for name, labels in json.loads(result.read_text()).items():
            executed[name].update(tuple(label) if isinstance(label, list) else label for label in labels)
    coverage: dict[str, Any] = Slipcover(
        branch=True, source=[str(source) for source in SOURCES], exclude_also=EXCLUDED
    ).get_coverage()
    for name, entry in coverage["files"].items():
        labels = executed[str(Path(name).absolute())]
        for kind in ("lines", "branches"):
            measured = {tuple(label) if isinstance(label, list) else label for label in entry[f"missing_{kind}"]}
            entry[f"executed_{kind}"] = sorted(measured & labels)
            entry[f"missing_{kind}"] = sorted(measured - labels)
    add_summaries(coverage)
    return coverage


def main(folder: Path, minimum: float) -> int:
    coverage = combined(folder)
    print_coverage(coverage, skip_covered=True, missing_width=60)
    percent = coverage["summary"]["percent_covered"]
    sys.stdout.write(f"coverage of {len(coverage['files'])} files: {percent:.2f} % (at least {minimum:.2f} %)\n")
    return 0 if percent >= minimum else 1


if __name__ == "__main__":
    assert Path.cwd() == ROOT, f"run it in {ROOT}"
    raise SystemExit(main(Path(sys.argv[1]), float(sys.argv[2])))
