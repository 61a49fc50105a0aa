"""Processes whose clock is wrong, by libfaketime (https://github.com/wolfcw/libfaketime)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from services.chassis.runtime.registry import ENTRY_MODULES
from ultramarket import install, rolling
from ultramarket.chaos.run import Run
from ultramarket.programs import Program, service_programs

PACKAGE: Final = "libfaketime"
LIBRARY: Final = "faketime/libfaketimeMT.so.1"


def services_with_clock(run: Run) -> list[Program]:
    """The programs of services, which can run a second time beside themselves."""
    return [program for program in service_programs(run.instance) if program.name not in ENTRY_MODULES]


@contextmanager
def second_processes(run: Run, seconds_off: int) -> Iterator[None]:
    """A second process of all services whose clocks are off by so many seconds, for the length of the block.

    Only the time of day is off: a monotonic clock does not differ between machines that are set wrongly.
    """
    changes = {
        "LD_PRELOAD": str(_library()),
        "FAKETIME": f"{seconds_off:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with ExitStack() as stack:
        for program in services_with_clock(run):
            stack.enter_context(rolling.second_process(run.instance, program, changes))
        with run.fault(f"clocks off by {seconds_off:+d} s"):
            yield


def _library() -> Path:
    """The library, installed if it is missing. Raises `CannotInstall`."""
    if not (paths := _installed()):
        install.install_packages([PACKAGE])
        paths = _installed()
    return paths[0]


def _installed() -> list[Path]:
    return [*Path("/usr/lib").glob(f"*/{LIBRARY}"), *Path("/usr/lib").glob(LIBRARY)]
