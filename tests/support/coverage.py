"""`python -m tests.support.coverage FOLDER MINIMUM`: coverage of all processes of a test run, lines and branches.

Prints the files with missing lines and the total. Exit code: 1 when the total is below the minimum (per cent).
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from slipcover import Slipcover, merge_coverage, print_coverage

from tests.coverage_hook.sitecustomize import EXCLUDED, ROOT, SOURCES

KINDS = ("executed_lines", "missing_lines", "executed_branches", "missing_branches")


def combined(folder: Path) -> dict[str, Any]:
    """The coverage of all processes together, files that no process imported included."""
    files: dict[str, dict[str, set[Any]]] = defaultdict(lambda: {kind: set() for kind in KINDS})
    meta: dict[str, Any] = {}
    for result in folder.glob("*.json"):
        process = json.loads(result.read_text())
        meta = process["meta"]
        for name, entry in process["files"].items():
            for kind in KINDS:
                files[name][kind].update(tuple(item) if isinstance(item, list) else item for item in entry[kind])
    coverage: dict[str, Any] = Slipcover(
        branch=True, source=[str(source) for source in SOURCES], exclude_also=EXCLUDED
    ).get_coverage()
    return merge_coverage(coverage, {"meta": meta, "files": files}) if meta else coverage


def main(folder: Path, minimum: float) -> int:
    coverage = combined(folder)
    print_coverage(coverage, skip_covered=True, missing_width=60)
    percent = coverage["summary"]["percent_covered"]
    sys.stdout.write(f"coverage of {len(coverage['files'])} files: {percent:.2f} % (at least {minimum:.2f} %)\n")
    return 0 if percent >= minimum else 1


if __name__ == "__main__":
    assert Path.cwd() == ROOT, f"run it in {ROOT}"
    raise SystemExit(main(Path(sys.argv[1]), float(sys.argv[2])))
