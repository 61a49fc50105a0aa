"""Indexes and aliases. Searches use the live alias; writers write to the live index and to the one being rebuilt.

So a new index can be filled beside the live one and then replace it atomically.
"""

from typing import Any

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.stores.elastic import ElasticError, ElasticStore
from services.search.engine import index_settings


class Indexes:
    """The aliases `…_products` (live) and `…_products_next` (rebuild), the indexes `…_levels` and `…_facts`."""

    def __init__(self, store: ElasticStore) -> None:
        self.store = store
        self.live = f"{store.prefix}_products"
        self.next = f"{store.prefix}_products_next"
        self.levels = f"{store.prefix}_levels"
        self.reference_data = f"{store.prefix}_facts"

    def prepare(self) -> None:
        """Create missing indexes; safe for concurrent processes."""
        for name, definition in (
            (self.levels, index_settings.LEVELS),
            (self.reference_data, index_settings.REFERENCE_DATA),
        ):
            self._create(name, definition)
        if not self.targets():
            # The first index has a fixed name, so that concurrent processes create only one.
            self._create(f"{self.live}_first", {**index_settings.PRODUCTS, "aliases": {self.live: {}}})

    def targets(self) -> list[str]:
        """The indexes that a change must be written to: the live one, and the next one during a rebuild."""
        aliases = self.store.request("GET", f"/_alias/{self.live},{self.next}", allow=(404,))
        return sorted(
            name for name, properties in aliases.items() if isinstance(properties, dict) and "aliases" in properties
        )

    def create_next(self) -> str:
        """Create an empty next index that receives all changes from now on; an abandoned one is deleted."""
        self._drop(self._indexes_of(self.next))
        name = f"{self.live}_{int(clock.now().timestamp() * 1000)}"
        self._create(name, {**index_settings.PRODUCTS, "aliases": {self.next: {}}})
        return name

    def index_being_built(self) -> str:
        """The index that is being rebuilt. Raises `ServiceUnavailable` if there is none."""
        indexes = self._indexes_of(self.next)
        if len(indexes) != 1:
            raise ServiceUnavailable("No rebuild is in progress, or another one has begun")
        return indexes[0]

    def swap(self, name: str) -> None:
        """Point the live alias to this index atomically and delete the previous one."""
        previous = self._indexes_of(self.live)
        actions: list[dict[str, Any]] = [{"remove": {"index": old, "alias": self.live}} for old in previous]
        actions += [{"add": {"index": name, "alias": self.live}}, {"remove": {"index": name, "alias": self.next}}]
        self.store.request("POST", "/_aliases", {"actions": actions})
        self._drop(previous)

    def refresh(self, name: str | None = None) -> None:
        """Make written documents searchable now."""
        self.store.request("POST", f"/{name or self.live}/_refresh")

    def _indexes_of(self, alias: str) -> list[str]:
        indexes = self.store.request("GET", f"/_alias/{alias}", allow=(404,))
        return sorted(
            name for name, properties in indexes.items() if isinstance(properties, dict) and "aliases" in properties
        )

    def _create(self, name: str, definition: dict[str, Any]) -> None:
        if self.store.request("GET", f"/{name}?filter_path=*.aliases", allow=(404,)).get(name) is not None:
            return
        try:
            self.store.request("PUT", f"/{name}", definition, seconds=30)
        except ElasticError as error:
            if error.kind != "resource_already_exists_exception":
                raise

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self.store.request("DELETE", f"/{name}", allow=(404,), seconds=30)
