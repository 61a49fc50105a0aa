"""Reading: one request to the engine per search; a second one, of two searches, when nothing has all the words."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from services.chassis.stores.elastic import ElasticStore, _checked
from services.search.domain.documents import Document
from services.search.store.indexes import Indexes

_LINES = {"accept": "application/json", "content-type": "application/x-ndjson"}


class Searching:
    """Searches of the living index."""

    def __init__(self, store: ElasticStore, indexes: Indexes) -> None:
        self.store = store
        self._search = f"/{indexes.live}/_search?filter_path=hits.total.value,hits.hits._id,hits.hits._source,"
        self._search += "hits.hits.highlight,hits.hits._score,hits.hits._explanation,aggregations,suggest"
        self._many = f"/{indexes.live}/_msearch"

    def search(self, body: Mapping[str, Any], seconds: float) -> Document:
        """The engine's answer."""
        found: Document = self.store.request("POST", self._search, body, seconds=seconds)
        return found

    def search_each(self, bodies: Sequence[Mapping[str, Any]], seconds: float) -> list[Document]:
        """Several at once, in one request."""
        raw = b"".join(b"{}\n" + orjson.dumps(body) + b"\n" for body in bodies)
        reply = self.store.transport.perform_request(
            "POST", self._many, body=raw, headers=_LINES, request_timeout=seconds
        )
        answers = _checked(reply.meta.status, reply.body)["responses"]
        return [_checked(answer.get("status", 200), answer) for answer in answers]
