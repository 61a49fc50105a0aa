"""Comparison of two sorted streams, in memory for two rows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final, TypeVar

Left = TypeVar("Left")
Right = TypeVar("Right")
_END: Final = None


def pairs(
    left: Iterable[Left], left_id: Callable[[Left], str], right: Iterable[Right], right_id: Callable[[Right], str]
) -> Iterator[tuple[str, Left | None, Right | None]]:
    """The entries of both by id; None where one has none. Both must be in ascending order of ids, compared as text."""
    lefts, rights = _with_end(left), _with_end(right)
    a, b = next(lefts), next(rights)
    while a is not _END or b is not _END:
        id_a = left_id(a) if a is not _END else None
        id_b = right_id(b) if b is not _END else None
        if id_b is None or (id_a is not None and id_a < id_b):
            yield str(id_a), a, None
            a = next(lefts)
        elif id_a is None or id_b < id_a:
            yield id_b, None, b
            b = next(rights)
        else:
            yield id_a, a, b
            a, b = next(lefts), next(rights)


def _with_end(entries: Iterable[Any]) -> Iterator[Any]:
    return chain(entries, [_END])
