"""Looking for something: a search with a typing error, a facet, the product."""

from typing import Any, Final
from urllib.parse import quote

from ultramarket.demo.session import DemoSession, DemoFailed, money

MISSPELT: Final = "iphne"
"""The demo catalogue has four iPhones, and as many things that go with them."""


def search(stage: DemoSession) -> dict[str, Any]:
    """The reply to words that nothing is called by. Raises `DemoFailed` when nothing is found."""
    reply = _ask(stage, "")
    if not reply["items"]:
        raise DemoFailed(f"nothing is found for {MISSPELT!r}: `ultramarket seed` fills the shop")
    meant = f"; the shop asks: did you mean {reply['did_you_mean']}?" if reply["did_you_mean"] else ""
    stage.tell(f"GET /search?q={MISSPELT}&in_stock=true", f"Clara types fast{meant}")
    for item in reply["items"]:
        stage.detail(f"{item['title']}, {money(item['price'])}, {item['rating']['average']} stars")
    return reply


def narrow(stage: DemoSession, reply: dict[str, Any]) -> dict[str, Any]:
    """The product on top once the facet that it belongs to is chosen."""
    stage.tell("data.facets", "what was found, counted by category and by brand")
    for name in ("category", "brand"):
        stage.detail(f"{name}: " + ", ".join(f"{one['label']} ({one['count']})" for one in _values(reply, name)))
    category = reply["items"][0]["category"]["slug"]
    narrowed = _ask(stage, f"&category={quote(category)}")
    chosen = next((one for one in _values(narrowed, "category") if one["selected"]), None)
    if chosen is None:
        raise DemoFailed(f"the facet {category} isn't selected")
    stage.tell(f"GET /search?q={MISSPELT}&in_stock=true&category={category}", f"{chosen['count']} are left")
    found: dict[str, Any] = narrowed["items"][0]
    return found


def look_at(stage: DemoSession, item: dict[str, Any]) -> dict[str, Any]:
    """The product in detail, with `sku` of a variant that is there."""
    product: dict[str, Any] = stage.api.get(f"/products/{item['slug']}")
    variant = next(one for one in product["variants"] if one["in_stock"])
    stage.tell(
        f"GET /products/{item['slug']}", f"{product['title']}: {variant['available']} of {variant['sku']} are there"
    )
    return {**product, "sku": variant["sku"]}


def say_so(stage: DemoSession, product: dict[str, Any]) -> None:
    """Tell the shop's figures, as its pages would, that she clicked on it and put it into the cart."""
    now = stage.now()
    seen = [
        {"type": "click", "at": now, "query": MISSPELT, "position": 1, "product_id": product["id"]},
        {"type": "product_view", "at": now, "product_id": product["id"]},
        {"type": "add_to_cart", "at": now, "product_id": product["id"], "sku": product["sku"]},
    ]
    counted = stage.api.post("/events", {"session_id": stage.visit, "events": seen})
    stage.tell("POST /events", f"her browser tells the shop's figures: {counted['accepted']} of {len(seen)} taken")


def _ask(stage: DemoSession, filters: str) -> dict[str, Any]:
    """What the engine says, not the catalogue in its place: on a busy machine it may miss its time once."""

    def answered() -> dict[str, Any] | None:
        path = f"/search?q={MISSPELT}&in_stock=true{filters}&limit=3&session_id={stage.visit}"
        reply: dict[str, Any] = stage.api.get(path)
        return None if reply["degraded"] else reply

    return stage.until(answered, "the search engine is away: `ultramarket status`")


def _values(reply: dict[str, Any], field: str) -> list[dict[str, Any]]:
    return next((facet["values"] for facet in reply["facets"] if facet["field"] == field), [])
