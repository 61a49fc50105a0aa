"""What a query needs to know beside the index: tuning, categories, popular queries. Kept in the engine, a document
each, and in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.chassis.common.errors import Conflict, DomainError
from services.chassis.messaging.envelopes import envelope
from services.chassis.observability import audit_records
from services.chassis.stores.elastic import ElasticStore
from services.search.domain.documents import Document
from services.search.domain.tree import Tree, plant
from services.search.domain.tuning import DEFAULT_SYNONYMS, Rules, rules
from services.search.store.indexes import Indexes

OUTBOX = "outbox"
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
        self.has_pending = False
        """Whether the tuning that was read last has something to say yet."""

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
        self.has_pending = bool(tuning and tuning.get(OUTBOX))
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
        stored, _ = self._stored()
        return {name: value for name, value in stored.items() if name != OUTBOX}

    def set_tuning(self, tuning: Document, version: int) -> None:
        """Replace the tuning of this version by the next. Raises `Conflict` when it isn't the present one.

        What the audit trail is to hear is written along with it, and stays in it until it is published.
        """
        before, condition = self._stored()
        if before["version"] != version:
            raise changed(before["version"])
        record = audit_records.record(
            "search_tuning.update", ("search_tuning", "tuning"), _audited(before), _audited(tuning)
        )
        pending = [*before.get(OUTBOX, ()), envelope(record)]
        if not self._write_tuning({**tuning, "version": version + 1, OUTBOX: pending}, condition):
            raise changed(version + 1)
        self.refresh()

    def publish_pending(self, publish: Callable[[list[Document]], set[str]]) -> None:
        """Publish what is waiting, and take out what `publish` says is done. Twice, when a process dies in between."""
        if not self.has_pending:
            return
        stored, condition = self._stored()
        done = publish(stored.get(OUTBOX, []))
        left = [wrapped for wrapped in stored.get(OUTBOX, ()) if wrapped["id"] not in done]
        self._write_tuning({**stored, OUTBOX: left}, condition)  # lost to a newer tuning: it has them still

    def _stored(self) -> tuple[Document, str]:
        """The tuning as it is stored, and the condition that it is still this one."""
        found = self.store.request("GET", f"/{self.index}/_doc/tuning", allow=(404,))
        if not found.get("found"):
            return {**default_tuning(), "version": 0}, "op_type=create"
        return found["_source"], f"if_seq_no={found['_seq_no']}&if_primary_term={found['_primary_term']}"

    def _write_tuning(self, body: Document, condition: str) -> bool:
        reply = self.store.request("PUT", f"/{self.index}/_doc/tuning?{condition}", body, allow=(409,))
        return "error" not in reply

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


def _audited(tuning: Document) -> Document:
    return {name: tuning[name] for name in default_tuning()}


def changed(present: int) -> DomainError:
    return Conflict("The tuning has changed meanwhile", [{"field": "version", "message": f"the version is {present}"}])
