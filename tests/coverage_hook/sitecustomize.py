"""Coverage of this process, written to `COVERAGE_FOLDER` when it ends: Python imports this module at start.

Its folder is on the PYTHONPATH of all processes of `make test`. SlipCover instruments modules as they are imported,
which costs a tenth of what a trace function costs, and works in threads and greenlets alike. Modules that an ended
process has run completely are not measured again: rules that are checked on 100,000 cases take half the time.
"""

import atexit
import json
import os
import sys
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = [ROOT / name for name in ("gateway_flask", "kafka_bridge", "schemas", "services", "ultramarket")]


COMPLETE: Final = "complete"
"""File in the folder: the modules that were run completely, one path per line."""


class OwnModules:
    """Matches the files to measure."""

    prefixes: Final = tuple(f"{source}/" for source in SOURCES)

    def __init__(self, folder: Path) -> None:
        file = folder / COMPLETE
        self.complete = set(file.read_text().splitlines()) if file.exists() else set()

    def matches(self, filename: str | Path | None) -> bool:
        name = str(filename)
        return name.startswith(self.prefixes) and name.endswith(".py") and name not in self.complete


def measure(folder: Path) -> None:
    """Measure from now on; write at exit, also at `os._exit`, by which forked children end."""
    from instrumentation import Executed, code_with_probes
    from slipcover import ImportManager
    from slipcover.importer import SlipcoverLoader, wrap_spec_from_file_location

    executed, modules = Executed(), OwnModules(folder)
    code_folder = folder / "code"
    code_folder.mkdir(exist_ok=True)

    def get_code(loader: Any, _name: str) -> Any:
        """The code of a module that `python -m` runs: it asks the loader for it instead of importing."""
        return code_with_probes(loader.origin, executed, code_folder)

    def exec_module(loader: Any, module: ModuleType) -> None:
        exec(get_code(loader, module.__name__), module.__dict__)

    SlipcoverLoader.get_code, SlipcoverLoader.exec_module = get_code, exec_module
    ImportManager(None, modules).__enter__()
    wrap_spec_from_file_location(None, modules)  # Alembic loads revisions by it
    leave = os._exit

    def write() -> None:
        file = folder / f"{os.getpid()}-{uuid.uuid4().hex}.json"
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps({name: list(labels) for name, labels in executed.newly_seen.items()}))
        partial.rename(file)
        with (folder / COMPLETE).open("a") as lines:
            lines.write("".join(f"{name}\n" for name in executed.complete()))

    def write_and_leave(status: int) -> Any:
        write()
        leave(status)

    atexit.register(write)
    os._exit = write_and_leave


# `python -c` is a line of a page's or a test's own; pytest-xdist starts its workers by `python -u -c`.
if (folder := os.environ.get("COVERAGE_FOLDER")) and sys.orig_argv[1:2] != ["-c"]:
    measure(Path(folder))
