"""All requests to Elasticsearch, by subject."""

from typing import TYPE_CHECKING

from services.chassis.stores.elastic import ElasticStore
from services.search.store.index_writer import IndexWriter
from services.search.store.indexes import Indexes
from services.search.store.reference_data import ReferenceDataStore
from services.search.store.search_requests import SearchRequests

if TYPE_CHECKING:
    from elastic_transport import Transport


class SearchStore(ElasticStore):
    """The store of search: product documents, SKU records, tuning and other reference data."""

    def __init__(self, transport: "Transport", prefix: str) -> None:
        super().__init__(transport, prefix)
        self.indexes = Indexes(self)
        self.reference_data = ReferenceDataStore(self, self.indexes)
        self.writer = IndexWriter(self, self.indexes)
        self.search_requests = SearchRequests(self, self.indexes)

    def prepare(self) -> None:
        """Create missing indexes."""
        self.indexes.prepare()
