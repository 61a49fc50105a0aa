"""A subscriber's place for the latest value: what a slow reader has not taken is replaced, so nothing piles up."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One value that waits to be taken. Used by the event loop's thread only."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._value: T | None = None

    def put(self, value: T) -> None:
        self._value = value
        self._changed.set()

    async def take(self) -> T:
        """The latest value, once there is one that was not taken."""
        await self._changed.wait()
        self._changed.clear()
        assert self._value is not None
        return self._value
