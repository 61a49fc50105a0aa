"""Routes of product search, suggestions and search tuning."""

import time

from flask import Response, current_app

from gateway_flask.http import envelope, etag
from gateway_flask.http.envelope import ok, page_with_details
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call
from gateway_flask.tracking import behaviour
from schemas.api.search import MAX_PREFIX_LENGTH, SearchQuery, SearchReply, Suggestions, SuggestQuery
from schemas.api.search_tuning import Preview, TuningPreviewRequest, TuningReply, TuningWrite
from schemas.rpc.search import SearchRpc
from services.chassis.dynamic_config import config

KILL_SWITCH = "search_engine"

api = Api("search", "Search", "Product search with facets, suggestions, and tuning.", "/search")


@api.get("", reply=SearchReply)
def search(query: SearchQuery) -> Response:
    """Search products. `attr.NAME=VALUE` filters by an attribute; a facet doesn't filter its own counts.

    While the search engine is unavailable the catalogue is searched by words of the title; `degraded` is then true.
    """
    started_at = time.perf_counter()
    reply = call(SearchRpc.search, query)
    if query.page == 1 and query.cursor is None:
        took_ms = 1000 * (time.perf_counter() - started_at)
        filters = query.model_dump(exclude_defaults=True, exclude={"q", "limit", "facets", "session_id"})
        behaviour.record_search(
            query.session_id, query=query.q, results=reply.json["total"], filters=filters, took_ms=round(took_ms, 1)
        )
    return page_with_details(reply, "Search results")


@api.get("/suggest", reply=Suggestions)
def suggest(query: SuggestQuery) -> Response:
    """Suggest products, categories and queries for a prefix. Cached for some seconds, here and by the client."""
    prefix = " ".join(query.q.casefold().split())[:MAX_PREFIX_LENGTH]
    if not config.enabled(KILL_SWITCH):
        return envelope.ready(_suggested(prefix)[0])
    cached = current_app.extensions["suggestions"].get(prefix, lambda: _suggested(prefix))
    seconds = cached.seconds_left
    return envelope.ready(cached.body, headers={"Cache-Control": f"public, max-age={seconds}"} if seconds else None)


def _suggested(prefix: str) -> tuple[bytes, bool]:
    """The reply, and whether it may be cached: empty replies may come from an unavailable engine."""
    suggestions = call(SearchRpc.suggest, SuggestQuery(q=prefix)).json
    return envelope.body(suggestions, "Suggestions"), any(suggestions.values())


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
