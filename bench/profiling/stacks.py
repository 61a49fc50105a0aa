"""Samples of the stacks of Python processes by py-spy, summed by package and by function."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.stage import BIN

RATE: Final = 100
"""Samples a second."""
OURS: Final = ("services", "gateway_flask", "kafka_bridge", "schemas", "ultramarket")
INSTALL: Final = "py-spy is not installed: `.venv/bin/pip install py-spy` (or name it by --py-spy)"
FRAME: Final = re.compile(r"(?P<function>.+) \((?P<file>[^()]+?)(:\d+)?\)$")
SHORT_OF_A_PACKAGE: Final = 3
"""Parts of a module's path that are printed for our own packages: `services/chassis/messaging`."""


@dataclass
class Profile:
    """Samples of one process: by the package of the innermost frame, by packages anywhere on the stack, by function."""

    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    inclusive: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)


def find(named: str) -> str | None:
    """The path of py-spy: the one that is named, that of this environment, or of the PATH."""
    return named or shutil.which("py-spy", path=BIN) or shutil.which("py-spy")


def record(
    py_spy: str, processes: dict[str, int], seconds: float, folder: Path, load: Callable[[], object]
) -> dict[str, Profile]:
    """Sample these processes and their children while a load runs. Raw stacks stay in the folder, for flame graphs."""
    running = {name: _start(py_spy, pid, seconds, folder / f"{name}.stacks") for name, pid in processes.items()}
    load()
    profiles = {}
    for name, process in running.items():
        _, errors = process.communicate(timeout=seconds + 60)
        path = folder / f"{name}.stacks"
        if process.returncode == 0 and path.exists():
            profiles[name] = summed(path.read_text().splitlines())
        else:
            sys.stderr.write(f"no stacks of {name}: {errors.strip().splitlines()[-1:]}\n")
    return profiles


def _start(py_spy: str, pid: int, seconds: float, path: Path) -> subprocess.Popen[str]:
    command = [py_spy, "record", "--pid", str(pid), "--subprocesses", "--nonblocking"]
    command += [
        "--format",
        "raw",
        "--output",
        str(path),
        "--rate",
        str(RATE),
        "--duration",
        str(max(1, round(seconds))),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def summed(lines: list[str]) -> Profile:
    """Sum stacks as py-spy's raw format has them: frames from the outermost, separated by `;`, then a number."""
    profile = Profile()
    for line in lines:
        stack, _, number = line.rpartition(" ")
        frames = [match for frame in stack.split(";") if (match := FRAME.match(frame))]
        if not frames:
            continue
        count = int(number)
        packages = [package_of(frame["file"]) for frame in frames]
        profile.samples += count
        profile.own[packages[-1]] += count
        profile.functions[f"{frames[-1]['function']} ({frames[-1]['file']})"] += count
        for package in set(packages):
            profile.inclusive[package] += count
    return profile


def package_of(path: str) -> str:
    """The package of a module's path: of libraries the first part, of ours the first three, of Python its name."""
    parts = path.split("/")
    if parts[0] in OURS:
        return "/".join(parts[:SHORT_OF_A_PACKAGE]).removesuffix(".py")
    return parts[0].removesuffix(".py") if len(parts) > 1 else f"python: {parts[0].removesuffix('.py')}"
