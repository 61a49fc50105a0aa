"""Reference data of queries: tuning, category tree and popular queries. One document each, cached in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.chassis.common.errors import Conflict, DomainError
from services.chassis.messaging.envelopes import envelope
from services.chassis.observability import audit_records
from services.chassis.stores.elastic import ElasticStore
from services.search.domain.categories import CategoryTree, build_tree
from services.search.domain.documents import Document
from services.search.domain.tuning import DEFAULT_SYNONYMS, Rules, rules
from services.search.store.indexes import Indexes

OUTBOX = "outbox"
NAMES = ("tuning", "categories", "popular")


def default_tuning() -> Document:
    """The tuning of a new installation."""
    boosts = {"in_stock": 0.2, "rating": 0.15, "sales": 0.15, "margin": 0.0}
    return {
        "synonyms": list(DEFAULT_SYNONYMS),
        "pinned": [],
        "buried": [],
        "hidden_suggestions": [],
        "boosts": boosts,
        "margins": {},
    }


@dataclass(frozen=True)
class ReferenceData:
    """The reference data in the form that queries use."""

    rules: Rules
    tree: CategoryTree
    popular: tuple[str, ...]
    has_tree: bool = True


class ReferenceDataStore:
    """The index `…_facts` (its stored name) and its cached contents."""

    def __init__(self, store: ElasticStore, indexes: Indexes) -> None:
        self.store = store
        self.index = indexes.reference_data
        self._current = ReferenceData(rules(default_tuning()), CategoryTree(), (), has_tree=False)
        self._versions: tuple[Any, ...] | None = None
        self.has_pending = False
        """Whether the tuning has audit events in its outbox."""

    def current(self) -> ReferenceData:
        """The cached reference data."""
        return self._current

    def refresh(self) -> None:
        """Reload changed documents; called once a second in every process."""
        path = f"/{self.index}/_mget"
        docs = self.store.request("POST", path, {"ids": list(NAMES)}, seconds=1.0)["docs"]
        versions = tuple((doc.get("_seq_no"), doc.get("_primary_term")) for doc in docs)
        if versions == self._versions:
            return
        tuning, categories, popular = (doc.get("_source") for doc in docs)
        self.has_pending = bool(tuning and tuning.get(OUTBOX))
        self._current = ReferenceData(
            rules(tuning or default_tuning()),
            build_tree(categories["roots"]) if categories else CategoryTree(),
            tuple(popular["queries"]) if popular else (),
            has_tree=categories is not None,
        )
        self._versions = versions

    # ---- tuning --------------------------------------------------------------------------------------------------

    def tuning(self) -> Document:
        """The tuning in force with its version; 0 for the default."""
        stored, _ = self._stored()
        return {name: value for name, value in stored.items() if name != OUTBOX}

    def set_tuning(self, tuning: Document, version: int) -> None:
        """Replace the tuning. Raises `Conflict` if `version` is not the current one.

        The audit event is stored in the same document (field `outbox`) until it is published.
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
        """Publish the outbox and remove what `publish` has confirmed. At least once."""
        if not self.has_pending:
            return
        stored, condition = self._stored()
        done = publish(stored.get(OUTBOX, []))
        remaining = [wrapped for wrapped in stored.get(OUTBOX, ()) if wrapped["id"] not in done]
        self._write_tuning({**stored, OUTBOX: remaining}, condition)  # on a conflict the newer tuning still has them

    def _stored(self) -> tuple[Document, str]:
        """The stored tuning, and the request parameters that make a write conditional on it."""
        response = self.store.request("GET", f"/{self.index}/_doc/tuning", allow=(404,))
        if not response.get("found"):
            return {**default_tuning(), "version": 0}, "op_type=create"
        return response["_source"], f"if_seq_no={response['_seq_no']}&if_primary_term={response['_primary_term']}"

    def _write_tuning(self, body: Document, condition: str) -> bool:
        reply = self.store.request("PUT", f"/{self.index}/_doc/tuning?{condition}", body, allow=(409,))
        return "error" not in reply

    # ---- categories and popular queries ----------------------------------------------------------------------------

    def set_categories(self, roots: list[Document], read_at_ms: int) -> None:
        """Store the category tree of `products`, unless a later one is stored."""
        self._store_if_newer("categories", {"roots": roots}, read_at_ms)

    def set_popular(self, queries: list[str], counted_at_ms: int) -> None:
        """Store the popular queries, unless later ones are stored."""
        self._store_if_newer("popular", {"queries": queries}, counted_at_ms)

    def _store_if_newer(self, name: str, body: Document, version: int) -> None:
        path = f"/{self.index}/_doc/{name}?version={version}&version_type=external_gte"
        self.store.request("PUT", path, body, allow=(409,))
        self.refresh()


def _audited(tuning: Document) -> Document:
    return {name: tuning.get(name, value) for name, value in default_tuning().items()}


def changed(current: int) -> DomainError:
    return Conflict(
        "The tuning has been changed meanwhile", [{"field": "version", "message": f"the version is {current}"}]
    )
