"""Routes of product search, suggestions and search tuning."""

import time
from typing import Any, Final

from flask import Response

from gateway_flask.caching import tags
from gateway_flask.caching.cached_routes import Caching, depends_on, not_cacheable, note
from gateway_flask.http import etag
from gateway_flask.http.envelope import ok, page_with_details
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call
from gateway_flask.tracking import behaviour
from schemas.api.search import MAX_PREFIX_LENGTH, SearchQuery, SearchReply, Suggestions, SuggestQuery
from schemas.api.search_tuning import Preview, TuningPreviewRequest, TuningReply, TuningWrite
from schemas.rpc.search import SearchRpc

api = Api("search", "Search", "Product search with facets, suggestions, and tuning.", "/search", tags.changed_tuning)


def _query_key(arguments: dict[str, Any]) -> str:
    """The search without the visitor's session, which is for analytics only."""
    query: SearchQuery = arguments["query"]
    return query.model_dump_json(exclude_defaults=True, exclude={"session_id"})


def _record_search(arguments: dict[str, Any], facts: dict[str, Any]) -> None:
    """Record a search; not its further pages."""
    query: SearchQuery = arguments["query"]
    if query.page == 1 and query.cursor is None:
        filters = query.model_dump(exclude_defaults=True, exclude={"q", "limit", "facets", "session_id"})
        behaviour.record_search(query.session_id, query=query.q, filters=filters, **facts)


SEARCH: Final = Caching(
    (tags.SEARCH, tags.AVAILABILITY, tags.CATEGORIES), early=False, observer=_record_search, key=_query_key
)


@api.get("", reply=SearchReply, headers=("If-None-Match",), cached=SEARCH)
def search(query: SearchQuery) -> Response:
    """Search products. `attr.NAME=VALUE` filters by an attribute; a facet doesn't filter its own counts.

    While the search engine is unavailable the catalogue is searched by words of the title; `degraded` is then true.
    """
    started_at = time.perf_counter()
    reply = call(SearchRpc.search, query)
    note(results=reply.json["total"], took_ms=round(1000 * (time.perf_counter() - started_at), 1))
    depends_on(*tags.of_products(reply.json["items"]))
    if query.rating is not None or query.sort == "-rating":
        depends_on(tags.RATINGS)
    if reply.json["degraded"]:
        not_cacheable()
    return page_with_details(reply, "Search results")


def _prefix(query: SuggestQuery) -> str:
    return " ".join(query.q.casefold().split())[:MAX_PREFIX_LENGTH]


SUGGESTIONS: Final = Caching(
    (tags.SEARCH, tags.AVAILABILITY, tags.CATEGORIES), key=lambda arguments: _prefix(arguments["query"])
)


@api.get("/suggest", reply=Suggestions, headers=("If-None-Match",), cached=SUGGESTIONS)
def suggest(query: SuggestQuery) -> Response:
    """Suggest products, categories and queries for a prefix."""
    suggestions = call(SearchRpc.suggest, SuggestQuery(q=_prefix(query)))
    if not any(suggestions.json.values()):
        not_cacheable()  # it may come from an unavailable engine
    return ok(suggestions, "Suggestions")


@api.get("/tuning", reply=TuningReply)
def get_tuning() -> Response:
    """Get the tuning in force: synonyms, pinned and buried products, boosts."""
    return etag.versioned(call(SearchRpc.get_tuning, caller=caller()), "Tuning")


@api.put("/tuning", reply=TuningReply, headers=("If-Match",))
def set_tuning(body: TuningWrite) -> Response:
    """Replace the tuning, in force within two seconds. `version` is that of the tuning that was read."""
    with etag.based_on(body.version):
        tuning = call(SearchRpc.set_tuning, tuning=body, caller=caller())
    return etag.versioned(tuning, "Tuning saved")


@api.post("/tuning/preview", reply=Preview)
def preview_tuning(body: TuningPreviewRequest) -> Response:
    """Preview a tuning on a query: the current and the changed ranking, with reasons. Changes nothing."""
    return ok(call(SearchRpc.preview_tuning, request=body, caller=caller()), "Preview")
