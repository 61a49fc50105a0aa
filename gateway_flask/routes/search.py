"""Finding products, and how finding is tuned."""

import time

from flask import Response, current_app

from gateway_flask.http import envelope
from gateway_flask.http.envelope import ok, page_with_details
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call_by_name as call
from gateway_flask.tracking.producer import track
from schemas.api.search import (
    LONGEST_BEGINNING,
    Preview,
    PreviewRequest,
    SearchQuery,
    SearchReply,
    Suggestions,
    SuggestQuery,
    TuningReply,
    TuningWrite,
)
from services.chassis.dynamic_config import config

KILL_SWITCH = "search_engine"

api = Api("search", "Search", "Products by words, facets, and proposals while somebody types.", "/search")


@api.get("", reply=SearchReply, who=Who.ANYONE)
def search(query: SearchQuery) -> Response:
    """Search products. `attr.NAME=VALUE` filters by an attribute; a facet doesn't filter its own counts.

    While the search engine is away the catalogue answers by words of the title: `degraded` is true then.
    """
    begun = time.perf_counter()
    reply = call("search", "search", **query.model_dump(exclude_unset=True))
    if query.page == 1:
        took = 1000 * (time.perf_counter() - begun)
        filters = query.model_dump(exclude_defaults=True, exclude={"q", "limit", "facets", "session_id"})
        said = {"query": query.q, "results": reply["total"], "session_id": query.session_id, "filters": filters}
        track([{"type": "search_performed", **said, "took_ms": round(took, 1)}])
    return page_with_details(reply, "Found")


@api.get("/suggest", reply=Suggestions, who=Who.ANYONE)
def suggest(query: SuggestQuery) -> Response:
    """What could be meant by what was typed so far. Kept for some seconds, here and by the client."""
    typed = " ".join(query.q.casefold().split())[:LONGEST_BEGINNING]
    if not config.enabled(KILL_SWITCH):
        return envelope.ready(_suggested(typed)[0])
    answer = current_app.extensions["suggestions"].get(typed, lambda: _suggested(typed))
    seconds = answer.seconds_left
    return envelope.ready(answer.body, headers={"Cache-Control": f"public, max-age={seconds}"} if seconds else None)


def _suggested(typed: str) -> tuple[bytes, bool]:
    """The reply, and whether there is something in it: an engine that is away must not be remembered as nothing."""
    proposed = call("search", "suggest", q=typed)
    return envelope.body(proposed, "Suggestions"), any(proposed.values())


@api.get("/tuning", reply=TuningReply, who=Who.ADMIN)
def get_tuning() -> Response:
    """Synonyms, pinned and buried products, boosts: as they are in force."""
    return ok(call("search", "get_tuning"), "Tuning")


@api.put("/tuning", reply=TuningReply, who=Who.ADMIN)
def set_tuning(body: TuningWrite) -> Response:
    """Replace the tuning. In force everywhere within two seconds; `version` is that of the tuning that was read."""
    return ok(
        call("search", "set_tuning", tuning=body.model_dump(mode="json"), caller=caller().model_dump()), "Tuning saved"
    )


@api.post("/tuning/preview", reply=Preview, who=Who.ADMIN)
def preview_tuning(body: PreviewRequest) -> Response:
    """Try a tuning on a query: the order today beside the order that it would be, and why. Changes nothing."""
    return ok(
        call("search", "preview_tuning", request=body.model_dump(mode="json"), caller=caller().model_dump()), "Preview"
    )
