"""Code of modules with SlipCover's probes, kept in files, as Python keeps the code of modules in `__pycache__`.

Finding the places for the probes takes longer than all else that a short process does, and a test run starts hundreds
of processes. A probe itself cannot be written to a file: the file has its label (a line, or a branch as two lines), and
each process makes probes of its own.
"""

import ast
import hashlib
import marshal
import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any, Final

from slipcover import branch, probe
from slipcover import slipcover as instrumenting

SIGNAL: Final = "slipcover.probe.signal"
PROBE: Final = "slipcover.probe"
NEVER: Final = 2**31 - 1
"""Runs of a line after which its probe is removed. Removal walks over all functions of the process; in one with several
threads that can raise, and the error then surfaces in whatever call comes next (a `SystemError`)."""


Label = int | tuple[int, int]
"""A line, or a branch from one line to another."""


class Executed:
    """The lines and branches that this process has run, by file. Probes write to `newly_seen` (SlipCover's name)."""

    def __init__(self) -> None:
        self.newly_seen: defaultdict[str, set[Label]] = defaultdict(set)
        self.measured: defaultdict[str, set[Label]] = defaultdict(set)

    def probe(self, file: str, label: Label) -> Any:
        """A new probe that reports to this object."""
        self.measured[file].add(label)
        return probe.new(self, file, label, NEVER)

    def complete(self) -> list[str]:
        """The files of which every line and branch has run."""
        return [file for file, labels in self.measured.items() if labels <= self.newly_seen[file]]


def code_with_probes(source: Path, executed: Executed, folder: Path) -> CodeType:
    """The code of a module whose probes report to `executed`; read from `folder` if the source did not change since."""
    status = source.stat()
    version = f"{source}:{status.st_size}:{status.st_mtime_ns}"
    file = folder / f"{hashlib.sha256(version.encode()).hexdigest()}.code"
    try:
        code = marshal.loads(file.read_bytes())
    except FileNotFoundError:
        code = _code_with_labels(source)
        partial_file = file.with_suffix(f".{os.getpid()}")
        partial_file.write_bytes(marshal.dumps(code))
        partial_file.rename(file)
    return _with_probes(code, partial(executed.probe, str(source)))


def _code_with_labels(source: Path) -> CodeType:
    """The code of a module with labels where the probes belong."""
    tree = branch.preinstrument(ast.parse(source.read_bytes()))
    original = instrumenting.probe
    instrumenting.probe = SimpleNamespace(signal=SIGNAL, new=lambda _sci, _file, label, _threshold: (PROBE, label))
    try:
        code: CodeType = instrumenting.Slipcover(branch=True).instrument(compile(tree, str(source), "exec"))
    finally:
        instrumenting.probe = original
    return code


def _with_probes(code: CodeType, new_probe: Callable[[Label], Any]) -> CodeType:
    constants: list[Any] = []
    for constant in code.co_consts:
        match constant:
            case CodeType():
                constants.append(_with_probes(constant, new_probe))
            case (str(kind), label) if kind == PROBE:
                constants.append(new_probe(label))
            case str(name) if name == SIGNAL:
                constants.append(probe.signal)
            case _:
                constants.append(constant)
    return code.replace(co_consts=tuple(constants))
