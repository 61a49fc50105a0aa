"""The context of one execution: dataloaders, headers of the reply, and the event loop that loaders need."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from queue import Empty, LifoQueue
from typing import Any, Final

from aiodataloader import DataLoader

from gateway_flask.rpc.calls import call
from schemas.rpc.products import ProductsRpc
from services.chassis.common.errors import DeadlineExceeded

MAX_IDS: Final = 100
"""Ids in one call of `get_details`."""
SECONDS: Final = 15.0
"""Time after which a request makes no further calls for items of lists."""
_idle_loops: Final[LifoQueue[asyncio.AbstractEventLoop]] = LifoQueue()


class ExecutionContext:
    """State that the resolvers of one request share. An event loop is taken only when a field needs a loader."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        """Headers for the reply."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self._until = time.monotonic() + SECONDS

    def check_time(self) -> None:
        """Raise `DeadlineExceeded` when the request has taken too long: for fields that items of lists call for."""
        if time.monotonic() > self._until:
            raise DeadlineExceeded("The request takes too long: ask for fewer items")

    @cached_property
    def products(self) -> "ProductLoader":
        """Products with all fields, by id: one call for all items of a list."""
        if self.loop is None:
            self.loop = _take_loop()
        return ProductLoader(loop=self.loop, max_batch_size=MAX_IDS)

    @cached_property
    def categories(self) -> dict[str, dict[str, Any]]:
        """All categories with their children, by slug; read once."""
        pending = [(node, None) for node in call(ProductsRpc.category_tree).json]
        by_slug: dict[str, dict[str, Any]] = {}
        while pending:
            node, parent = pending.pop()
            by_slug[node["slug"]] = {**node, "parent": parent}
            pending += [(child, node["slug"]) for child in node.get("children", [])]
        return by_slug

    @cached_property
    def root_categories(self) -> list[dict[str, Any]]:
        """The roots of the tree in their order."""
        roots = [category for category in self.categories.values() if category["parent"] is None]
        return sorted(roots, key=lambda category: (category.get("position", 0), category["name"]))


class ProductLoader(DataLoader[str, dict[str, Any] | None]):
    """Reads the products of a batch with one RPC. The loop is of this thread alone, so that the call may block it."""

    async def batch_load_fn(self, keys: list[str]) -> list[dict[str, Any] | None]:
        by_id = {product["id"]: product for product in call(ProductsRpc.get_details, ids=keys).json}
        return [by_id.get(key) for key in keys]


@contextmanager
def execution_context() -> Iterator[ExecutionContext]:
    """A context; its loop goes back to the idle ones."""
    context = ExecutionContext()
    try:
        yield context
    finally:
        if context.loop is not None:
            _idle_loops.put(context.loop)


def _take_loop() -> asyncio.AbstractEventLoop:
    try:
        return _idle_loops.get_nowait()
    except Empty:
        return asyncio.new_event_loop()
