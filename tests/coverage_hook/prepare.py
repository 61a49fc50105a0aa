"""`python -m tests.coverage_hook.prepare FOLDER`: place the probes in all modules before a test run needs them.

Otherwise the first processes, which start at the same time, would all do it for the same modules.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

HOOK = Path(__file__).parent
sys.path.insert(0, str(HOOK))  # as in the processes that are measured


def place_probes(folder: Path, source: Path) -> None:
    """Keep the code of a module with probes in `folder`."""
    from instrumentation import Executed, code_with_probes

    code_with_probes(source, Executed(), folder)


def main(folder: Path) -> None:
    from sitecustomize import SOURCES

    folder.mkdir(exist_ok=True)
    modules = [module for source in SOURCES for module in sorted(source.rglob("*.py"))]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(place_probes, folder), modules, chunksize=20))


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "code")
