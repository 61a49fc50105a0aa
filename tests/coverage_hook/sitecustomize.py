"""Coverage of this process, written to `COVERAGE_FOLDER` when it ends: Python imports this module at start.

Its folder is on the PYTHONPATH of all processes of `make test`. SlipCover instruments modules as they are imported,
which costs a tenth of what a trace function costs, and works in threads and greenlets alike. Instrumenting nearly
triples the time that a short command takes, so modules that an ended process has covered completely are not measured
again.
"""

import ast
import atexit
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = [ROOT / name for name in ("gateway_flask", "kafka_bridge", "schemas", "services", "ultramarket")]
EXCLUDED: Final = ["raise NotImplementedError", r"^\s*\.\.\.$", "if __name__ == .__main__.:"]
"""Lines that do nothing of their own: abstract methods, bodies of protocols, and the guard of a main module."""
COMPLETE: Final = "complete"
"""File in the folder: the modules without a missing line or branch, one path per line."""
NEVER: Final = 2**31 - 1
"""Runs of a line after which its probe is removed. Removal walks over all functions of the process; in one with several
threads that can raise, and the error then surfaces in whatever call comes next (a `SystemError`)."""


def _instrumented_code(loader: Any, _name: str) -> Any:
    """The code of a module that `python -m` runs: it asks the loader for it instead of importing."""
    from slipcover import branch

    tree = branch.preinstrument(ast.parse(loader.origin.read_bytes()))
    return loader.sci.instrument(compile(tree, str(loader.origin), "exec"))


def measure(folder: Path) -> None:
    """Measure from now on; write at exit, also at `os._exit`, by which forked children end."""
    from slipcover import FileMatcher, ImportManager, Slipcover
    from slipcover.importer import SlipcoverLoader, wrap_spec_from_file_location

    complete_file = folder / COMPLETE
    complete = set(complete_file.read_text().splitlines()) if complete_file.exists() else set()

    class Incomplete(FileMatcher):  # type: ignore[misc]  # a base class without types
        def matches(self, filename: Any) -> bool:
            return str(filename) not in complete and bool(super().matches(filename))

    coverage, matcher = Slipcover(branch=True, exclude_also=EXCLUDED, d_miss_threshold=NEVER), Incomplete(SOURCES)
    ImportManager(coverage, matcher).__enter__()
    wrap_spec_from_file_location(coverage, matcher)  # Alembic loads revisions by it
    SlipcoverLoader.get_code = _instrumented_code
    leave = os._exit

    def write() -> None:
        file = folder / f"{os.getpid()}-{uuid.uuid4().hex}.json"
        partial = file.with_suffix(".partial")
        result = coverage.get_coverage()
        partial.write_text(json.dumps(result))
        partial.rename(file)
        names = [
            name for name, entry in result["files"].items() if not entry["missing_lines"] + entry["missing_branches"]
        ]
        with complete_file.open("a") as lines:
            lines.write("".join(f"{Path(name).absolute()}\n" for name in names))

    def write_and_leave(status: int) -> Any:
        write()
        leave(status)

    atexit.register(write)
    os._exit = write_and_leave


# `python -c` is a line of a page's or a test's own; pytest-xdist starts its workers by `python -u -c`.
if (folder := os.environ.get("COVERAGE_FOLDER")) and sys.orig_argv[1:2] != ["-c"]:
    measure(Path(folder))
