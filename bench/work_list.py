"""Names of all works, and what each needs: products, an index of twenty thousand, an echo service."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Final

from bench import fast_http, load
from bench.searching import Searching
from bench.stage import Stage
from bench.works import Browsing, Buying, echo, tracking

ENGINE_WARM_SECONDS: Final = 20.0
"""For a JVM; without it the first searches are slow."""
DOOR: Final = "list at the door"
"""By the client that costs least, with the ten first pages: bounded by the cache in front, where there is one."""
MakeClient = Callable[[int], load.Work]
Runner = Callable[[int, float], load.Result]
"""Runs a work with so many clients for so many seconds."""


class Works:
    """Works by name. What one of them needs is made when it is asked for, once."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._makers: dict[str, Callable[[], MakeClient]] = {
            "list 20 products": lambda: self._browsing.list_products,
            "product detail": lambda: self._browsing.product_detail,
            "add to a new guest cart": lambda: self.buying.add_to_cart,
            "whole checkout of a guest": lambda: self.buying.checkout,
            "track 20 events": lambda: tracking(stage.url),
            "search with facets": lambda: self._searching.search,
            "search, the engine alone": lambda: self._searching.engine_alone,
            "suggest": lambda: self._searching.suggest,
            "RPC echo through the chassis": lambda: echo(stage.amqp_url),
        }

    def runner(self, name: str) -> Runner:
        """The function that runs a work."""
        if name == DOOR:
            _ = self._products
            paths = [f"/api/v1/products?limit=20&page={page}" for page in range(1, 11)]
            return lambda clients, seconds: fast_http.run(self._stage.url, paths, clients, seconds)
        return partial(load.run, self.make(name))

    def names(self, part: str = "") -> list[str]:
        """The works whose name has this in it."""
        return [name for name in (*self._makers, DOOR) if part in name]

    def make(self, name: str) -> MakeClient:
        """The function that makes a client of a work."""
        return self._makers[name]()

    def first(self, part: str) -> tuple[str, MakeClient]:
        """The first work whose name has this in it. Raises `SystemExit` that names all when there is none."""
        names = [name for name in self._makers if part in name]
        if not names:
            raise SystemExit(f"no work has {part!r} in its name: {', '.join(self._makers)}")
        return names[0], self.make(names[0])

    @cached_property
    def _products(self) -> tuple[list[str], list[str]]:
        return self._stage.fill()

    @cached_property
    def _browsing(self) -> Browsing:
        return Browsing(self._stage.url, self._products[0])

    @cached_property
    def buying(self) -> Buying:
        """The guests who buy; it has the ids of their orders."""
        return Buying(self._stage.url, self._products[1])

    @cached_property
    def _searching(self) -> Searching:
        searching = Searching(self._stage.url)
        load.run(searching.engine_alone, 16, ENGINE_WARM_SECONDS)
        return searching
