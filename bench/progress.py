"""Progress of a measurement: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINE_SECONDS: Final = 15.0


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """A function to be called at the begin of each of `total` steps, with its name."""
    if not console.is_terminal:
        yield _Lines(console, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text: bar.update(task, description=text, advance=1)


class _Lines:
    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total, self._done, self._next = console, total, 0, 0.0

    def __call__(self, text: str) -> None:
        self._done += 1
        if time.monotonic() >= self._next:
            self._console.print(f"{self._done} of {self._total}: {text}")
            self._next = time.monotonic() + LINE_SECONDS
