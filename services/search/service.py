"""Search: finds products by what customers type, and keeps up with the catalogue by events."""

import time
from collections.abc import Sequence

import structlog

from schemas.api.products import ProductQuery
from schemas.api.search import PreviewRequest, SearchQuery, SuggestQuery, TuningWrite
from schemas.base import Caller, Id
from schemas.events.analytics import PopularQueriesChanged, SalesCounted
from schemas.events.base import Event
from schemas.events.inventory import StockChanged
from schemas.events.products import CategoryChanged, ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.events.reviews import RatingChanged
from schemas.rpc.products import ProductsRpc
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden, ServiceUnavailable
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import Remote, rpc
from services.chassis.runtime.service import Service
from services.search.backend import Backend
from services.search.domain import replies
from services.search.domain.documents import Document
from services.search.domain.stock import comes_or_goes
from services.search.domain.tree import Tree, plant
from services.search.engine import degraded, plain
from services.search.preview import compare

KILL_SWITCH = "search_engine"
PROPOSED = 6
PAGE = 100
BATCH = 100
BATCH_SECONDS = 0.02

log = structlog.get_logger()


class SearchService(Service):
    """One request to the engine per search; while the engine is away the catalogue answers."""

    name = "search"
    backend = Backend()
    catalogue = Remote(ProductsRpc, deadline=5.0)

    # ---- searching -----------------------------------------------------------------------------------------------

    @rpc
    def search(self, query: SearchQuery) -> Document:
        """`SearchReply` with `page`, `limit` and `total`. Without the engine: `degraded`, by words of the title."""
        if config.enabled(KILL_SWITCH):
            try:
                return self.backend.engine.search(query, self.backend.store.facts.known())
            except ServiceUnavailable as away:
                log.warning("search_degraded", error=str(away))
        return degraded(self.catalogue.search_titles(ProductQuery.model_validate(plain(query))).model_dump(mode="json"))

    @rpc
    def suggest(self, query: SuggestQuery) -> Document:
        """`Suggestions`; empty ones while the engine is away."""
        nothing: Document = {"products": [], "categories": [], "queries": []}
        if not config.enabled(KILL_SWITCH):
            return nothing
        known = self.backend.store.facts.known()
        try:
            products = self.backend.engine.propose(query.q, PROPOSED, known)
        except ServiceUnavailable:
            return nothing
        categories = known.tree.named_like(query.q, PROPOSED)
        return {
            "products": products,
            "categories": [{"slug": node.slug, "name": node.name} for node in categories],
            "queries": replies.queries_like(query.q, known.popular, PROPOSED),
        }

    # ---- keeping up ----------------------------------------------------------------------------------------------

    @on_batch(ProductCreated, size=BATCH, seconds=BATCH_SECONDS)
    def index_new_products(self, events: list[ProductCreated]) -> None:
        self._index(events)

    @on_batch(ProductUpdated, size=BATCH, seconds=BATCH_SECONDS)
    def index_changed_products(self, events: list[ProductUpdated]) -> None:
        self._index(events)

    @on_batch(ProductArchived, size=BATCH, seconds=BATCH_SECONDS)
    def index_archived_products(self, events: list[ProductArchived]) -> None:
        self._index(events)

    @on_batch(StockChanged, size=BATCH, seconds=BATCH_SECONDS)
    def index_stock(self, events: list[StockChanged]) -> None:
        """The engine hears of a SKU that comes or goes; how many there are of it, nobody searches by."""
        self.backend.store.indexing.stock(
            [(event.sku, event.available, event.meta.sequence or 0) for event in events if comes_or_goes(event)]
        )

    @on_event(RatingChanged)
    def index_rating(self, event: RatingChanged) -> None:
        """What customers think of a product."""
        sequence = event.meta.sequence or 0
        self.backend.store.indexing.ratings(event.product_id, event.average, event.count, sequence)

    @on_event(SalesCounted)
    def index_sales(self, event: SalesCounted) -> None:
        """What sells well, for the order."""
        units = {each.product_id: each.units_30d for each in event.products}
        self.backend.store.indexing.sales(units, _milliseconds(event))

    @on_event(PopularQueriesChanged)
    def learn_popular_queries(self, event: PopularQueriesChanged) -> None:
        """What is proposed while somebody types."""
        self.backend.store.facts.set_popular([each.query for each in event.queries], _milliseconds(event))

    @on_event(CategoryChanged)
    def learn_categories(self, event: CategoryChanged) -> None:
        """Products are found by their category's id; only its name is among their words."""
        before = self.backend.store.facts.known().tree
        after = self._learn_tree()
        renamed = {
            node.id: _names(after, node.id) for node in after.nodes if _names(before, node.id) != _names(after, node.id)
        }
        if renamed:
            self.backend.store.indexing.rename(renamed)

    def _index(self, events: Sequence[ProductEvent]) -> None:
        """Whatever the events said, the catalogue's present word counts."""
        gone: dict[str, int] = {}
        for event in events:
            gone[event.product_id] = max(event.meta.sequence or 0, gone.get(event.product_id, 0))
        snapshots = [each.model_dump(mode="json") for each in self.catalogue.get_snapshots(ids=list(gone))]
        for snapshot in snapshots:
            gone.pop(snapshot["id"], None)
        self.backend.store.indexing.products(self._named(snapshots), gone)

    def _named(self, snapshots: list[Document]) -> list[Document]:
        """With the names of their categories, which are asked for anew when one isn't known."""
        tree = self.backend.store.facts.known().tree
        ids = {shot["category"]["id"] for shot in snapshots if shot["category"]}
        if not ids <= set(tree.by_id):
            tree = self._learn_tree()
        return [
            {**shot, "category_names": _names(tree, shot["category"]["id"]) if shot["category"] else []}
            for shot in snapshots
        ]

    def _learn_tree(self) -> Tree:
        read_at = int(time.time() * 1000)
        roots = [root.model_dump(mode="json") for root in self.catalogue.category_tree()]
        self.backend.store.facts.set_categories(roots, read_at)
        return plant(roots)

    # ---- a new index ---------------------------------------------------------------------------------------------

    @rpc
    def rebuild_begin(self) -> Document:
        """Make a new index beside the living one. Every change goes to both from now on."""
        self._learn_tree()
        return {"index": self.backend.store.indexes.begin(), "total": self.catalogue.count_products()}

    @rpc
    def rebuild_page(self, index: str, after: Id | None = None) -> Document:
        """Fill in the products after this one; `next` is where to go on, null at the end."""
        self._check_building(index)
        page = self.catalogue.list_snapshots(after=after, limit=PAGE).model_dump(mode="json")
        self.backend.store.indexing.fill(index, self._named(page["items"]))
        return {"done": len(page["items"]), "next": page["next"]}

    @rpc
    def rebuild_finish(self, index: str) -> Document:
        """Bring over what changed meanwhile, and let the new index take the living one's place."""
        self._check_building(index)
        since = int(index.rpartition("_")[2]) - 60_000
        done = self.backend.store.indexing.catch_up(index, since)
        self.backend.store.indexes.refresh(index)
        self.backend.store.indexes.swap(index)
        return {"caught_up": done}

    def _check_building(self, index: str) -> None:
        if self.backend.store.indexes.building() != index:
            raise ServiceUnavailable("Another rebuild has begun")

    # ---- tuning --------------------------------------------------------------------------------------------------

    @rpc
    def get_tuning(self) -> Document:
        """`TuningReply`; version 0 before anybody has set anything."""
        return self.backend.store.facts.tuning()

    @rpc
    def set_tuning(self, tuning: TuningWrite, caller: Caller) -> Document:
        """Replace it. Every process follows within two seconds. Raises `Conflict` when it has changed meanwhile."""
        _check_admin(caller)
        written = {
            **tuning.model_dump(exclude={"version"}),
            "updated_at": clock.rfc3339(clock.now()),
            "updated_by": caller.user_id,
        }
        self.backend.store.facts.set_tuning(written, tuning.version)
        return {**written, "version": tuning.version + 1}

    @rpc
    def preview_tuning(self, request: PreviewRequest, caller: Caller) -> Document:
        """`Preview`: what a query finds today and what it would find, and why each product stands where it does."""
        _check_admin(caller)
        return compare(self.backend.engine, self.backend.store.facts.known(), request)


def _milliseconds(event: Event) -> int:
    """When it was said: the version of news that have no sequence."""
    return int(event.meta.time.timestamp() * 1000)


def _names(tree: Tree, category_id: str) -> list[str]:
    node = tree.by_id.get(category_id)
    return [step.name for step in tree.path(node)] if node else []


def _check_admin(caller: Caller) -> None:
    if not caller.is_admin:
        raise Forbidden()
