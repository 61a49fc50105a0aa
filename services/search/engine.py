"""The engine behind a breaker: it answers in time, or somebody else answers."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

import eventlet
import pybreaker

from schemas.api.search import SearchQuery
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.runtime.circuit_breaker import CircuitBreaker
from services.search.domain import query as bodies
from services.search.domain import replies
from services.search.domain.documents import Document
from services.search.domain.words import read
from services.search.store import SearchStore
from services.search.store.facts import Known

T = TypeVar("T")

BREAK_AFTER_FAILURES = 20
"""In a row: more than come together when a busy machine stops for a moment."""
BUSY_SECONDS = 3.0
"""The longest wait for an engine that answers, but slowly."""
WORTH_A_SEARCH = 3
"""Letters without which nobody has written a word yet."""
WARM_UP = ("phone", "red dress", "lapttop", "shoes under 100") * 3
WARM_UP_SECONDS = 10.0


class Engine:
    """Searches and proposals. Raises `ServiceUnavailable` when the engine is away, at once while it rests."""

    def __init__(self, store: SearchStore, seconds: float, rest_seconds: float) -> None:
        self.store = store
        self.seconds = seconds
        self._answered_at = 0.0
        self._breaker = CircuitBreaker(
            fail_max=BREAK_AFTER_FAILURES,
            reset_timeout=rest_seconds,
            exclude=[lambda error: as_domain_error(error) is None],
            name="elasticsearch",
        )

    def warm_up(self, known: Known) -> bool:
        """Ask for what customers will ask for: a JVM's first answers take longer than they would wait.

        False while the index has nothing in it, for then nothing gets warm.
        """
        everything = bodies.body(SearchQuery(limit=1), known.rules, known.tree)
        if not replies.total(self.store.searching.search(everything, WARM_UP_SECONDS)):
            return False
        for words in WARM_UP:
            query = SearchQuery(q=words)
            asked = [bodies.body(query, known.rules, known.tree, mode) for mode in get_args(bodies.Mode)]
            for body in filter(None, (*asked, bodies.proposals(words, 1))):
                self.store.searching.search(body, WARM_UP_SECONDS)
        return True

    def search(self, query: SearchQuery, known: Known) -> Document:
        """The reply; a second look when nothing has all the words as they are written."""
        found = self._ask(
            lambda: self.store.searching.search(bodies.body(query, known.rules, known.tree), BUSY_SECONDS)
        )
        if replies.total(found) or not read(query.q).words:
            return replies.reply(query, found, known.tree)
        return self._look_closer(query, known)

    def explain(self, query: SearchQuery, known: Known) -> list[Document]:
        """The hits with the engine's own account of each score."""
        body = {**bodies.body(query, known.rules, known.tree), "explain": True}
        found = self._ask(lambda: self.store.searching.search(body, BUSY_SECONDS), patience=BUSY_SECONDS)
        hits: list[Document] = found["hits"].get("hits", [])
        return hits

    def propose(self, text: str, limit: int, known: Known) -> list[Document]:
        """Products by the beginnings of words in their titles; if there are none, what a search finds (phone)."""
        asked = [bodies.proposals(text, limit)]
        if len(text) >= WORTH_A_SEARCH:
            query = SearchQuery(q=text, limit=limit, facets="")
            asked.append(bodies.body(query, known.rules, known.tree))
        for body in filter(None, asked if asked[0] else ()):
            if found := replies.proposed(self._ask(lambda body=body: self.store.searching.search(body, BUSY_SECONDS))):  # type: ignore[misc]
                return found
        return []

    def _look_closer(self, query: SearchQuery, known: Known) -> Document:
        """With typing errors; if that finds nothing either, some of the words."""
        closer = bodies.body(query, known.rules, known.tree, "fuzzy")
        closer["suggest"] = {"meant": bodies.spelling(read(query.q))}
        relaxed = bodies.body(query, known.rules, known.tree, "relaxed")
        fuzzy, some = self._ask(lambda: self.store.searching.search_each([closer, relaxed], BUSY_SECONDS))
        meant = replies.meant(fuzzy)
        if meant and (reply := self._as_meant(query, meant, known, replies.total(fuzzy))):
            return reply
        if replies.total(fuzzy):
            return replies.reply(query, fuzzy, known.tree, did_you_mean=meant)
        return replies.reply(query, some, known.tree, did_you_mean=meant, relaxed=bool(replies.total(some)))

    def _as_meant(self, query: SearchQuery, meant: str, known: Known, least: int) -> Document | None:
        """What the corrected words find, synonyms included, if that is no less than what errors allowed for found."""
        corrected = query.model_copy(update={"q": meant})
        asked = read(query.q)
        body = bodies.body(corrected, known.rules, known.tree, prices=(asked.min_price, asked.max_price))
        found = self._ask(lambda: self.store.searching.search(body, BUSY_SECONDS))
        if not replies.total(found) or replies.total(found) < least:
            return None
        return replies.reply(query, found, known.tree, did_you_mean=meant)

    def _ask(self, request: Callable[[], T], patience: float | None = None) -> T:
        try:
            return self._breaker.call(self._in_time, request, patience or self.seconds)
        except pybreaker.CircuitBreakerError:
            raise ServiceUnavailable("The search engine is resting after failures") from None
        except Exception as error:
            away = as_domain_error(error)
            if away is None:
                raise
            raise away from error

    def _in_time(self, request: Callable[[], T], patience: float) -> T:
        """An engine that says nothing to anybody for so many seconds hangs; one that answers others is only busy."""
        begun, asked = time.monotonic(), eventlet.spawn(request)
        while True:
            with eventlet.Timeout(patience, False):
                answer = asked.wait()
                self._answered_at = time.monotonic()
                return answer
            now = time.monotonic()
            if now - max(begun, self._answered_at) >= patience or now - begun > BUSY_SECONDS:
                asked.kill()
                raise ServiceUnavailable("The search engine does not answer")


def degraded(page: Mapping[str, Any]) -> Document:
    """What the catalogue found by words of the title, as a search replies it."""
    kept = {name: page[name] for name in ("items", "page", "limit", "total")}
    return {**kept, "facets": [], "did_you_mean": None, "relaxed": False, "degraded": True}


def plain(query: SearchQuery) -> Document:
    """A search as the catalogue's own list understands it."""
    asked = read(query.q)
    given = query.model_dump(exclude_defaults=True, exclude={"q", "facets", "session_id", "sort"})
    for name, bound, choose in (("min_price", asked.min_price, max), ("max_price", asked.max_price, min)):
        if bound is not None:
            given[name] = choose(bound, given.get(name, bound))
    if asked.words:
        given["q"] = " ".join(asked.words)
    given["sort"] = "-rating" if query.sort == "relevance" else query.sort
    return given
