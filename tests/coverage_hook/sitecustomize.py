"""Coverage of this process, written to `COVERAGE_FOLDER` when it ends: Python imports this module at start.

Its folder is on the PYTHONPATH of all processes of `make test`. SlipCover instruments modules as they are imported,
which costs a tenth of what a trace function costs, and works in threads and greenlets alike.
"""

import ast
import atexit
import json
import os
import uuid
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = [ROOT / name for name in ("gateway_flask", "kafka_bridge", "schemas", "services", "ultramarket")]
EXCLUDED: Final = ["raise NotImplementedError", r"^\s*\.\.\.$", "if __name__ == .__main__.:"]
"""Lines that do nothing of their own: abstract methods, bodies of protocols, and the guard of a main module."""
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

    coverage, matcher = (
        Slipcover(branch=True, exclude_also=EXCLUDED, d_miss_threshold=NEVER),
        FileMatcher(sources=SOURCES),
    )
    ImportManager(coverage, matcher).__enter__()
    wrap_spec_from_file_location(coverage, matcher)  # Alembic loads revisions by it
    SlipcoverLoader.get_code = _instrumented_code
    leave = os._exit

    def write() -> None:
        file = folder / f"{os.getpid()}-{uuid.uuid4().hex}.json"
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(coverage.get_coverage()))
        partial.rename(file)

    def write_and_leave(status: int) -> Any:
        write()
        leave(status)

    atexit.register(write)
    os._exit = write_and_leave


if folder := os.environ.get("COVERAGE_FOLDER"):
    measure(Path(folder))
