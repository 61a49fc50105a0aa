"""What a query needs to know beside the index: tuning, categories, popular queries. Kept in the engine, a document
each, and in memory.
"""

from dataclasses import dataclass
from typing import Any

from services.chassis.errors import Conflict, DomainError
from services.chassis.stores.elastic import ElasticStore
from services.search.domain.documents import Document
from services.search.domain.tree import Tree, plant
from services.search.domain.tuning import DEFAULT_SYNONYMS, Rules, rules
from services.search.store.indexes import Indexes

NAMES = ("tuning", "categories", "popular")


def default_tuning() -> Document:
    """What an installation begins with."""
    boosts = {"in_stock": 0.2, "rating": 0.15, "sales": 0.15, "margin": 0.0}
    return {"synonyms": list(DEFAULT_SYNONYMS), "pinned": [], "buried": [], "boosts": boosts, "margins": {}}


@dataclass(frozen=True)
class Known:
    """Everything of it, ready to be used."""

    rules: Rules
    tree: Tree
    popular: tuple[str, ...]
    has_tree: bool = True


class Facts:
    """The index `…_facts`."""

    def __init__(self, store: ElasticStore, indexes: Indexes) -> None:
        self.store = store
        self.index = indexes.facts
        self._known = Known(rules(default_tuning()), Tree(), (), has_tree=False)
        self._versions: tuple[Any, ...] | None = None

    def known(self) -> Known:
        """As it was read last."""
        return self._known

    def refresh(self) -> None:
        """Read what has changed. Every process does so once a second, so nobody waits for it."""
        path = f"/{self.index}/_mget"
        docs = self.store.request("POST", path, {"ids": list(NAMES)}, seconds=1.0)["docs"]
        versions = tuple((doc.get("_seq_no"), doc.get("_primary_term")) for doc in docs)
        if versions == self._versions:
            return
        tuning, categories, popular = (doc.get("_source") for doc in docs)
        self._known = Known(
            rules(tuning or default_tuning()),
            plant(categories["roots"]) if categories else Tree(),
            tuple(popular["queries"]) if popular else (),
            has_tree=categories is not None,
        )
        self._versions = versions

    # ---- tuning --------------------------------------------------------------------------------------------------

    def tuning(self) -> Document:
        """What is in force, with its version; 0 before anybody has set anything."""
        found = self.store.request("GET", f"/{self.index}/_doc/tuning", allow=(404,))
        stored: Document = found.get("_source") or {**default_tuning(), "version": 0}
        return stored

    def set_tuning(self, tuning: Document, version: int) -> None:
        """Replace the tuning of this version by the next. Raises `Conflict` when it isn't the present one."""
        path = f"/{self.index}/_doc/tuning?version={version + 1}&version_type=external&refresh=false"
        found = self.store.request("GET", f"/{self.index}/_doc/tuning?_source=false", allow=(404,))
        present = found.get("_version", 0) if found.get("found") else 0
        if present != version:
            raise changed(present)
        body = {**tuning, "version": version + 1}
        reply = self.store.request("PUT", path, body, allow=(409,))
        if "error" in reply:
            raise changed(version + 1)
        self.refresh()

    # ---- categories and popular queries ----------------------------------------------------------------------------

    def set_categories(self, roots: list[Document], read_at_ms: int) -> None:
        """The tree as `products` has it. One that was read earlier does not replace one that was read later."""
        self._newest("categories", {"roots": roots}, read_at_ms)

    def set_popular(self, queries: list[str], counted_at_ms: int) -> None:
        self._newest("popular", {"queries": queries}, counted_at_ms)

    def _newest(self, name: str, body: Document, version: int) -> None:
        path = f"/{self.index}/_doc/{name}?version={version}&version_type=external_gte"
        self.store.request("PUT", path, body, allow=(409,))
        self.refresh()


def changed(present: int) -> DomainError:
    return Conflict("The tuning has changed meanwhile", [{"field": "version", "message": f"the version is {present}"}])
