"""Search service: product search, suggestions, tuning and index maintenance."""

import time
from collections.abc import Sequence

import structlog

from schemas.api.products import ProductQuery
from schemas.api.search import SearchQuery, SuggestQuery
from schemas.api.search_tuning import TuningPreviewRequest, TuningWrite
from schemas.base import Id
from schemas.caller import Caller
from schemas.events.analytics import PopularQueriesChanged, SalesCounted
from schemas.events.base import Event
from schemas.events.inventory import StockChanged
from schemas.events.products import CategoryChanged, ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.events.reviews import RatingChanged
from schemas.rpc.products import ProductsRpc
from schemas.rpc.search import SearchRpc
from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.search.backend import SearchBackend
from services.search.domain import phrases, suggestions
from services.search.domain.categories import CategoryTree, build_tree
from services.search.domain.documents import Document
from services.search.domain.fallback import catalogue_query, degraded_reply
from services.search.domain.stock import changes_availability
from services.search.engine.cursors import is_of_engine
from services.search.engine.preview import compare
from services.search.store.reference_data import ReferenceData

KILL_SWITCH = "search_engine"
MAX_SUGGESTIONS = 6
REBUILD_PAGE_SIZE = 100
BATCH_SIZE = 200
BATCH_SECONDS = 0.02
NEW_PRODUCT_SECONDS = 0.3
"""How long new products are gathered: meanwhile their first stock comes, and they are written once instead of twice."""

log = structlog.get_logger()


class SearchService(Service):
    """RPC methods and event handlers of search. While the engine is unavailable the catalogue is used."""

    name = "search"
    backend = SearchBackend()
    catalogue = Remote(ProductsRpc, deadline=5.0)

    # ---- searching -----------------------------------------------------------------------------------------------

    @implements(SearchRpc.search)
    def search(self, query: SearchQuery) -> Json:
        of_engine = query.cursor is not None and is_of_engine(query.cursor)
        if config.enabled(KILL_SWITCH) and (of_engine or query.cursor is None):
            try:
                return self.backend.engine.search(query, self.backend.store.reference_data.current())
            except ServiceUnavailable as error:
                log.warning("search_degraded", error=str(error))
        if of_engine:  # the catalogue has another order
            raise ServiceUnavailable("These results can't be continued while the search engine is unavailable")
        return degraded_reply(self._search_titles(query))

    @implements(SearchRpc.suggest)
    def suggest(self, query: SuggestQuery) -> Json:
        empty: Document = {"products": [], "categories": [], "queries": []}
        if not config.enabled(KILL_SWITCH):
            return empty
        reference_data = self.backend.store.reference_data.current()
        try:
            products = self.backend.engine.suggest_products(query.q, MAX_SUGGESTIONS, reference_data)
        except ServiceUnavailable:
            return empty
        categories = reference_data.tree.matching(query.q, MAX_SUGGESTIONS)
        return {
            "products": products,
            "categories": [{"slug": node.slug, "name": node.name} for node in categories],
            "queries": suggestions.popular_queries_like(query.q, self._suggestible(reference_data), MAX_SUGGESTIONS),
        }

    def _suggestible(self, reference_data: ReferenceData) -> tuple[str, ...]:
        """The popular queries that may be suggested."""
        blocked = str(config.setting("search.blocked_suggestions"))
        return phrases.suggestible(reference_data.popular, frozenset(reference_data.rules.hidden), blocked)

    def _search_titles(self, query: SearchQuery) -> Document:
        return self.catalogue.search_titles(ProductQuery.model_validate(catalogue_query(query))).model_dump(mode="json")

    # ---- consumed events ----------------------------------------------------------------------------------------

    @on_batch(ProductCreated, size=BATCH_SIZE, seconds=NEW_PRODUCT_SECONDS)
    def index_new_products(self, events: list[ProductCreated]) -> None:
        self._index_products(events)

    @on_batch(ProductUpdated, size=BATCH_SIZE, seconds=BATCH_SECONDS)
    def index_changed_products(self, events: list[ProductUpdated]) -> None:
        self._index_products(events)

    @on_batch(ProductArchived, size=BATCH_SIZE, seconds=BATCH_SECONDS)
    def index_archived_products(self, events: list[ProductArchived]) -> None:
        self._index_products(events)

    @on_batch(StockChanged, size=BATCH_SIZE, seconds=BATCH_SECONDS)
    def index_stock(self, events: list[StockChanged]) -> None:
        """Index changes of SKUs' availability."""
        self.backend.store.writer.stock(
            [(event.sku, event.available, event.meta.sequence or 0) for event in events if changes_availability(event)]
        )

    @on_event(RatingChanged)
    def index_rating(self, event: RatingChanged) -> None:
        """Index the rating of a product."""
        sequence = event.meta.sequence or 0
        self.backend.store.writer.ratings(event.product_id, event.average, event.count, sequence)

    @on_event(SalesCounted)
    def index_sales(self, event: SalesCounted) -> None:
        """Index units sold, for ranking."""
        units = {each.product_id: each.units_30d for each in event.products}
        self.backend.store.writer.sales(units, _milliseconds(event))

    @on_event(PopularQueriesChanged)
    def update_popular_queries(self, event: PopularQueriesChanged) -> None:
        """Store the popular queries, for suggestions."""
        self.backend.store.reference_data.set_popular([each.query for each in event.queries], _milliseconds(event))

    @on_event(CategoryChanged)
    def update_categories(self, event: CategoryChanged) -> None:
        """Reload the category tree and reindex the names of renamed categories."""
        before = self.backend.store.reference_data.current().tree
        after = self._load_categories()
        renamed = {
            node.id: _category_path(after, node.id)
            for node in after.nodes
            if _category_path(before, node.id) != _category_path(after, node.id)
        }
        if renamed:
            self.backend.store.writer.rename(renamed)

    def _index_products(self, events: Sequence[ProductEvent]) -> None:
        """Index the current snapshots of the products, whatever the events contain."""
        archived: dict[str, int] = {}
        for event in events:
            archived[event.product_id] = max(event.meta.sequence or 0, archived.get(event.product_id, 0))
        snapshots = [each.model_dump(mode="json") for each in self.catalogue.get_snapshots(ids=list(archived))]
        for snapshot in snapshots:
            archived.pop(snapshot["id"], None)
        self.backend.store.writer.products(self._with_category_names(snapshots), archived)

    def _with_category_names(self, snapshots: list[Document]) -> list[Document]:
        """Add the names of the categories; an unknown category reloads the tree."""
        tree = self.backend.store.reference_data.current().tree
        ids = {snapshot["category"]["id"] for snapshot in snapshots if snapshot["category"]}
        if not ids <= set(tree.by_id):
            tree = self._load_categories()
        return [
            {
                **snapshot,
                "category_names": _category_path(tree, snapshot["category"]["id"]) if snapshot["category"] else [],
            }
            for snapshot in snapshots
        ]

    def _load_categories(self) -> CategoryTree:
        read_at = int(time.time() * 1000)
        roots = [root.model_dump(mode="json") for root in self.catalogue.category_tree()]
        self.backend.store.reference_data.set_categories(roots, read_at)
        return build_tree(roots)

    # ---- rebuild ---------------------------------------------------------------------------------------------

    @implements(SearchRpc.rebuild_begin)
    def rebuild_begin(self) -> Json:
        self._load_categories()
        return {"index": self.backend.store.indexes.create_next(), "total": self.catalogue.count_products()}

    @implements(SearchRpc.rebuild_page)
    def rebuild_page(self, index: str, after: Id | None = None) -> Json:
        self._check_building(index)
        page = self.catalogue.list_snapshots(after=after, limit=REBUILD_PAGE_SIZE).model_dump(mode="json")
        self.backend.store.writer.fill(index, self._with_category_names(page["items"]))
        return {"done": len(page["items"]), "next": page["next"]}

    @implements(SearchRpc.rebuild_finish)
    def rebuild_finish(self, index: str) -> Json:
        self._check_building(index)
        since = int(index.rpartition("_")[2]) - 60_000
        done = self.backend.store.writer.catch_up(index, since)
        self.backend.store.indexes.refresh(index)
        self.backend.store.indexes.swap(index)
        return {"caught_up": done}

    def _check_building(self, index: str) -> None:
        if self.backend.store.indexes.index_being_built() != index:
            raise ServiceUnavailable("Another rebuild has begun")

    # ---- tuning --------------------------------------------------------------------------------------------------

    @implements(SearchRpc.get_tuning)
    def get_tuning(self, caller: Caller) -> Json:
        return self.backend.store.reference_data.tuning()

    @implements(SearchRpc.set_tuning)
    def set_tuning(self, tuning: TuningWrite, caller: Caller) -> Json:
        stored = {
            **tuning.model_dump(exclude={"version"}),
            "updated_at": clock.rfc3339(clock.now()),
            "updated_by": caller.user_id,
        }
        self.backend.store.reference_data.set_tuning(stored, tuning.version)
        return {**stored, "version": tuning.version + 1}

    @implements(SearchRpc.preview_tuning)
    def preview_tuning(self, request: TuningPreviewRequest, caller: Caller) -> Json:
        return compare(self.backend.engine, self.backend.store.reference_data.current(), request)


def _milliseconds(event: Event) -> int:
    """The event's time in milliseconds: the version of events without a sequence."""
    return int(event.meta.time.timestamp() * 1000)


def _category_path(tree: CategoryTree, category_id: str) -> list[str]:
    node = tree.by_id.get(category_id)
    return [step.name for step in tree.path(node)] if node else []
