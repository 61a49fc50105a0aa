"""Search engine client: searches with a time limit and a circuit breaker."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar, get_args

import eventlet
import pybreaker

from schemas.api.search import SearchQuery
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.runtime.circuit_breaker import CircuitBreaker
from services.search.domain.documents import Document
from services.search.domain.query_parsing import parse
from services.search.engine import cursors, query_bodies, responses
from services.search.engine.suggestion_bodies import suggestion_body
from services.search.store import SearchStore
from services.search.store.reference_data import ReferenceData

T = TypeVar("T")

BREAK_AFTER_FAILURES = 20
"""Consecutive failures that open the breaker; more than a short stall of a busy machine causes."""
MAX_BUSY_SECONDS = 3.0
"""Time limit while the engine still responds to other requests."""
MIN_SEARCH_LENGTH = 3
"""Minimum number of letters for a full search as a suggestion."""
WARM_UP_QUERIES = ("phone", "red dress", "lapttop", "shoes under 100") * 3
WARM_UP_SECONDS = 10.0


class SearchEngine:
    """Searches and suggestions. Raises `ServiceUnavailable`; at once while the breaker is open."""

    def __init__(self, store: SearchStore, seconds: float, rest_seconds: float) -> None:
        self.store = store
        self.seconds = seconds
        self._last_response_at = 0.0
        self._breaker = CircuitBreaker(
            fail_max=BREAK_AFTER_FAILURES,
            reset_timeout=rest_seconds,
            exclude=[lambda error: as_domain_error(error) is None],
            name="elasticsearch",
        )

    def warm_up(self, reference_data: ReferenceData) -> bool:
        """Run typical searches: a JVM's first responses exceed the time limit. Returns False for an empty index."""
        everything = query_bodies.body(SearchQuery(limit=1), reference_data.rules, reference_data.tree)
        if not responses.total(self.store.search_requests.search(everything, WARM_UP_SECONDS)):
            return False
        for words in WARM_UP_QUERIES:
            query = SearchQuery(q=words)
            bodies = [
                query_bodies.body(query, reference_data.rules, reference_data.tree, mode)
                for mode in get_args(query_bodies.Mode)
            ]
            for body in filter(None, (*bodies, suggestion_body(words, 1))):
                self.store.search_requests.search(body, WARM_UP_SECONDS)
        return True

    def search(self, query: SearchQuery, reference_data: ReferenceData) -> Document:
        """Search; without an exact match also with typing errors and for some of the words."""
        if query.cursor is not None:
            return self._search_after(query, cursors.position(query), reference_data)
        response = self._call(
            lambda: self.store.search_requests.search(
                query_bodies.body(query, reference_data.rules, reference_data.tree), MAX_BUSY_SECONDS
            )
        )
        if responses.total(response) or not parse(query.q).words:
            return responses.reply(query, response, reference_data.tree)
        return self._search_with_typos(query, reference_data)

    def explain(self, query: SearchQuery, reference_data: ReferenceData) -> list[Document]:
        """The hits with the engine's explanation of their scores."""
        body = {**query_bodies.body(query, reference_data.rules, reference_data.tree), "explain": True}
        response = self._call(
            lambda: self.store.search_requests.search(body, MAX_BUSY_SECONDS), timeout_seconds=MAX_BUSY_SECONDS
        )
        hits: list[Document] = response["hits"].get("hits", [])
        return hits

    def suggest_products(self, text: str, limit: int, reference_data: ReferenceData) -> list[Document]:
        """Suggest products by prefixes of title words, otherwise by a search."""
        bodies = [suggestion_body(text, limit)]
        if len(text) >= MIN_SEARCH_LENGTH:
            query = SearchQuery(q=text, limit=limit, facets="")
            bodies.append(query_bodies.body(query, reference_data.rules, reference_data.tree))
        for body in filter(None, bodies if bodies[0] else ()):
            response = self._call(partial(self.store.search_requests.search, body, MAX_BUSY_SECONDS))
            if products := responses.suggested_products(response):
                return products
        return []

    def _search_with_typos(self, query: SearchQuery, reference_data: ReferenceData) -> Document:
        """Search with typing errors; without a match, for some of the words."""
        fuzzy_body = query_bodies.body(query, reference_data.rules, reference_data.tree, "fuzzy")
        fuzzy_body["suggest"] = {"meant": query_bodies.spelling(parse(query.q))}
        relaxed_body = query_bodies.body(query, reference_data.rules, reference_data.tree, "relaxed")
        fuzzy, relaxed = self._call(
            lambda: self.store.search_requests.search_each([fuzzy_body, relaxed_body], MAX_BUSY_SECONDS)
        )
        corrected_query = responses.corrected_query(fuzzy)
        if corrected_query and (
            reply := self._search_corrected(query, corrected_query, reference_data, responses.total(fuzzy))
        ):
            return reply
        if responses.total(fuzzy):
            return responses.reply(query, fuzzy, reference_data.tree, did_you_mean=corrected_query, way="fuzzy")
        way: cursors.Way = "relaxed" if responses.total(relaxed) else "exact"
        return responses.reply(query, relaxed, reference_data.tree, did_you_mean=corrected_query, way=way)

    def _search_corrected(
        self, query: SearchQuery, corrected_query: str, reference_data: ReferenceData, least: int
    ) -> Document | None:
        """Search for the corrected query; None if it matches fewer than `least` products."""
        corrected = query.model_copy(update={"q": corrected_query})
        parsed = parse(query.q)
        body = query_bodies.body(
            corrected, reference_data.rules, reference_data.tree, prices=(parsed.min_price, parsed.max_price)
        )
        response = self._call(lambda: self.store.search_requests.search(body, MAX_BUSY_SECONDS))
        if not responses.total(response) or responses.total(response) < least:
            return None
        return responses.reply(query, response, reference_data.tree, did_you_mean=corrected_query, way="corrected")

    def _search_after(self, query: SearchQuery, after: cursors.Position, reference_data: ReferenceData) -> Document:
        """The page after a hit, searched for in the way of that hit."""
        searched, prices = query, None
        mode: query_bodies.Mode = "exact" if after.way == "corrected" else after.way
        if after.way == "corrected":
            parsed = parse(query.q)
            searched = query.model_copy(update={"q": after.corrected_query or query.q})
            prices = (parsed.min_price, parsed.max_price)
        body = query_bodies.body(searched, reference_data.rules, reference_data.tree, mode, prices, after.values)
        response = self._call(lambda: self.store.search_requests.search(body, MAX_BUSY_SECONDS))
        return responses.reply(query, response, reference_data.tree, did_you_mean=after.corrected_query, way=after.way)

    def _call(self, request: Callable[[], T], timeout_seconds: float | None = None) -> T:
        try:
            return self._breaker.call(self._call_in_time, request, timeout_seconds or self.seconds)
        except pybreaker.CircuitBreakerError:
            raise ServiceUnavailable("The search engine is unavailable after repeated failures") from None
        except Exception as error:
            unavailable = as_domain_error(error)
            if unavailable is None:
                raise
            raise unavailable from error

    def _call_in_time(self, request: Callable[[], T], timeout_seconds: float) -> T:
        """Wait for the response: `timeout_seconds` since the last one to any request, at most `MAX_BUSY_SECONDS`."""
        started_at, pending = time.monotonic(), eventlet.spawn(request)
        while True:
            with eventlet.Timeout(timeout_seconds, False):
                response = pending.wait()
                self._last_response_at = time.monotonic()
                return response
            now = time.monotonic()
            if now - max(started_at, self._last_response_at) >= timeout_seconds or now - started_at > MAX_BUSY_SECONDS:
                pending.kill()
                raise ServiceUnavailable("The search engine does not respond")
