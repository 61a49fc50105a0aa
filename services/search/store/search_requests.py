"""Search requests on the live index."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from services.chassis.stores.elastic import ElasticStore, _checked
from services.search.domain.documents import Document
from services.search.store.indexes import Indexes

_LINES = {"accept": "application/json", "content-type": "application/x-ndjson"}


class SearchRequests:
    """Single and multiple searches of the live index."""

    def __init__(self, store: ElasticStore, indexes: Indexes) -> None:
        self.store = store
        self._search = f"/{indexes.live}/_search?filter_path=hits.total.value,hits.hits._id,hits.hits._source,"
        self._search += (
            "hits.hits.highlight,hits.hits._score,hits.hits.sort,hits.hits._explanation,aggregations,suggest"
        )
        self._multi_search = f"/{indexes.live}/_msearch"

    def search(self, body: Mapping[str, Any], seconds: float) -> Document:
        """The response to one search."""
        response: Document = self.store.request("POST", self._search, body, seconds=seconds)
        return response

    def search_each(self, bodies: Sequence[Mapping[str, Any]], seconds: float) -> list[Document]:
        """The responses to several searches in one request (`_msearch`)."""
        raw = b"".join(b"{}\n" + orjson.dumps(body) + b"\n" for body in bodies)
        reply = self.store.transport.perform_request(
            "POST", self._multi_search, body=raw, headers=_LINES, request_timeout=seconds
        )
        responses = _checked(reply.meta.status, reply.body)["responses"]
        return [_checked(response.get("status", 200), response) for response in responses]
