"""Which indexes there are. Readers go by an alias, and writers ask which indexes it and the next one stand for:
so a new index can be filled beside the living one and take its place at once.
"""

from typing import Any

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.stores.elastic import ElasticError, ElasticStore
from services.search.domain import analysis


class Indexes:
    """The aliases `…_products` (searched) and `…_products_next` (being filled), and two small indexes read by id."""

    def __init__(self, store: ElasticStore) -> None:
        self.store = store
        self.live = f"{store.prefix}_products"
        self.next = f"{store.prefix}_products_next"
        self.levels = f"{store.prefix}_levels"
        self.facts = f"{store.prefix}_facts"

    def prepare(self) -> None:
        """Make what is missing; safe from several processes at once."""
        for name, shape in ((self.levels, analysis.LEVELS), (self.facts, analysis.FACTS)):
            self._make(name, shape)
        if not self.targets():
            # The first one has a fixed name: of two processes that start together one makes it.
            self._make(f"{self.live}_first", {**analysis.PRODUCTS, "aliases": {self.live: {}}})

    def targets(self) -> list[str]:
        """The indexes that a change of a product must reach: the living one, and the next one while it is filled."""
        aliases = self.store.request("GET", f"/_alias/{self.live},{self.next}", allow=(404,))
        return sorted(name for name, facts in aliases.items() if isinstance(facts, dict) and "aliases" in facts)

    def begin(self) -> str:
        """A new, empty index that hears every change from now on; an abandoned one of before is removed."""
        self._drop(self._behind(self.next))
        name = f"{self.live}_{int(clock.now().timestamp() * 1000)}"
        self._make(name, {**analysis.PRODUCTS, "aliases": {self.next: {}}})
        return name

    def building(self) -> str:
        """The index that is being filled. Raises `ServiceUnavailable` when somebody else's rebuild has taken over."""
        found = self._behind(self.next)
        if len(found) != 1:
            raise ServiceUnavailable("There is no rebuild, or another one has begun")
        return found[0]

    def swap(self, name: str) -> None:
        """Let the alias stand for this index, at once; what it stood for before is removed."""
        before = self._behind(self.live)
        actions: list[dict[str, Any]] = [{"remove": {"index": old, "alias": self.live}} for old in before]
        actions += [{"add": {"index": name, "alias": self.live}}, {"remove": {"index": name, "alias": self.next}}]
        self.store.request("POST", "/_aliases", {"actions": actions})
        self._drop(before)

    def refresh(self, name: str | None = None) -> None:
        """Make what was written visible now."""
        self.store.request("POST", f"/{name or self.live}/_refresh")

    def _behind(self, alias: str) -> list[str]:
        found = self.store.request("GET", f"/_alias/{alias}", allow=(404,))
        return sorted(name for name, facts in found.items() if isinstance(facts, dict) and "aliases" in facts)

    def _make(self, name: str, shape: dict[str, Any]) -> None:
        if self.store.request("GET", f"/{name}?filter_path=*.aliases", allow=(404,)).get(name) is not None:
            return
        try:
            self.store.request("PUT", f"/{name}", shape, seconds=30)
        except ElasticError as refused:
            if refused.kind != "resource_already_exists_exception":
                raise

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self.store.request("DELETE", f"/{name}", allow=(404,), seconds=30)
