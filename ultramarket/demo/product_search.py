"""Steps of the search: a misspelt query, a facet, the product, and the tracked behaviour."""

from typing import Any, Final
from urllib.parse import quote

from ultramarket.demo.session import DemoFailed, DemoSession
from ultramarket.money import format_money

MISSPELT_QUERY: Final = "iphne"
"""The demo catalogue has four iPhones, and as many accessories."""


def search(session: DemoSession) -> dict[str, Any]:
    """The reply to a query that matches no word exactly. Raises `DemoFailed` without a result."""
    reply = _search(session, "")
    if not reply["items"]:
        raise DemoFailed(f"no result for {MISSPELT_QUERY!r}: `ultramarket seed` loads the catalogue")
    suggestion = f"; did_you_mean: {reply['did_you_mean']}" if reply["did_you_mean"] else ""
    session.step(f"GET /search?q={MISSPELT_QUERY}&in_stock=true", f"results in spite of the misspelt query{suggestion}")
    for item in reply["items"]:
        session.detail(f"{item['title']}, {format_money(item['price'])}, {item['rating']['average']} stars")
    return reply


def narrow(session: DemoSession, reply: dict[str, Any]) -> dict[str, Any]:
    """The first result within the category of the best result."""
    session.step("data.facets", "results by category and by brand")
    for name in ("category", "brand"):
        counts = ", ".join(f"{value['label']} ({value['count']})" for value in _facet(reply, name))
        session.detail(f"{name}: {counts}")
    category = reply["items"][0]["category"]["slug"]
    narrowed = _search(session, f"&category={quote(category)}")
    selected = next((value for value in _facet(narrowed, "category") if value["selected"]), None)
    if selected is None:
        raise DemoFailed(f"the facet {category} is not selected")
    session.step(
        f"GET /search?q={MISSPELT_QUERY}&in_stock=true&category={category}", f"{selected['count']} results remain"
    )
    first: dict[str, Any] = narrowed["items"][0]
    return first


def view_product(session: DemoSession, item: dict[str, Any]) -> dict[str, Any]:
    """The product in detail, with the `sku` of a variant that is in stock."""
    product: dict[str, Any] = session.client.get(f"/products/{item['slug']}")
    variant = next(variant for variant in product["variants"] if variant["in_stock"])
    stock = f"{variant['available']} units of {variant['sku']} in stock"
    session.step(f"GET /products/{item['slug']}", f"{product['title']}: {stock}")
    return {**product, "sku": variant["sku"]}


def track_behaviour(session: DemoSession, product: dict[str, Any]) -> None:
    """Send the behaviour events that a web front end would send: click, product view, addition to the cart."""
    now = session.now()
    events = [
        {"type": "click", "at": now, "query": MISSPELT_QUERY, "position": 1, "product_id": product["id"]},
        {"type": "product_view", "at": now, "product_id": product["id"]},
        {"type": "add_to_cart", "at": now, "product_id": product["id"], "sku": product["sku"]},
    ]
    reply = session.client.post("/events", {"session_id": session.session_id, "events": events})
    session.step("POST /events", f"behaviour tracking: {reply['accepted']} of {len(events)} events accepted")


def _search(session: DemoSession, filters: str) -> dict[str, Any]:
    """A reply of the search engine: on a busy machine the first one may be the catalogue's fallback."""

    def full_reply() -> dict[str, Any] | None:
        path = f"/search?q={MISSPELT_QUERY}&in_stock=true{filters}&limit=3&session_id={session.session_id}"
        reply: dict[str, Any] = session.client.get(path)
        return None if reply["degraded"] else reply

    return session.poll(full_reply, "the search engine is unavailable: `ultramarket status`")


def _facet(reply: dict[str, Any], field: str) -> list[dict[str, Any]]:
    return next((facet["values"] for facet in reply["facets"] if facet["field"] == field), [])
