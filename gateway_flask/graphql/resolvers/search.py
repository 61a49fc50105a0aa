"""Search with facets."""

import time
from typing import Any

from gateway_flask.graphql.arguments import model
from gateway_flask.graphql.connections import AFTER, by_cursor
from gateway_flask.graphql.fields import Info, resolves
from gateway_flask.graphql.resolvers.catalogue import renamed_filter
from gateway_flask.rpc.calls import call
from gateway_flask.tracking import behaviour
from schemas.api.search import SearchQuery
from schemas.rpc.search import SearchRpc

Json = dict[str, Any]


@resolves("Query.search")
def search(
    _: None,
    info: Info,
    query: str,
    first: int,
    sort: str,
    filter: Json | None = None,
    after: str | None = None,
    facets: list[str] | None = None,
) -> Json:
    given = {**renamed_filter(filter), "q": query, "sort": sort}
    if facets is not None:
        given["facets"] = ",".join(facets)

    def read(limit: int, cursor: str | None, _: bool) -> Json:  # the engine counts in any case
        values = {**given, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = model(SearchQuery, values, names={"q": "query", **AFTER})
        started_at = time.perf_counter()
        reply: Json = call(SearchRpc.search, page).json
        if after is None:
            took_ms = 1000 * (time.perf_counter() - started_at)
            filters = page.model_dump(exclude_defaults=True, exclude={"q", "limit", "facets"})
            behaviour.record_search(
                None, query=page.q, results=reply["total"], filters=filters, took_ms=round(took_ms, 1)
            )
        return reply

    return by_cursor(info, read, first, after)


@resolves("SearchConnection.facets", "SearchConnection.relaxed", "SearchConnection.degraded")
def of_page(source: Json, info: Info) -> Any:
    return source["page"][info.field_name]


@resolves("SearchConnection.didYouMean")
def did_you_mean(source: Json, _: Info) -> str | None:
    corrected: str | None = source["page"].get("did_you_mean")
    return corrected


@resolves("SearchEdge.sku")
def sku(source: Json, _: Info) -> str:
    text: str = source["node"]["sku"]
    return text


@resolves("SearchEdge.highlights")
def highlights(source: Json, _: Info) -> list[Json]:
    return [{"field": field, "html": html} for field, html in (source["node"].get("highlights") or {}).items()]
