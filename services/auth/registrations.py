"""One registration of an address at a time in this process; the database decides between processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakValueDictionary

from eventlet.semaphore import Semaphore

from services.auth.domain import normalised


class _Turn:
    """The lock of an address, for as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self.lock = Semaphore()


_turns: Final[WeakValueDictionary[str, _Turn]] = WeakValueDictionary()


@contextmanager
def one_registration(email: str) -> Iterator[None]:
    """Within the block no other request of this process registers the address."""
    turn = _turns.setdefault(normalised(email), _Turn())
    with turn.lock:
        yield
