"""Every query on the search engine, by what it is about."""

from typing import TYPE_CHECKING

from services.chassis.stores.elastic import ElasticStore
from services.search.store.facts import Facts
from services.search.store.indexes import Indexes
from services.search.store.indexing import Indexing
from services.search.store.searching import Searching

if TYPE_CHECKING:
    from elastic_transport import Transport


class SearchStore(ElasticStore):
    """Products as they are searched, what is known of each SKU, and what administrators set."""

    def __init__(self, transport: "Transport", prefix: str) -> None:
        super().__init__(transport, prefix)
        self.indexes = Indexes(self)
        self.facts = Facts(self, self.indexes)
        self.indexing = Indexing(self, self.indexes)
        self.searching = Searching(self, self.indexes)

    def prepare(self) -> None:
        self.indexes.prepare()
