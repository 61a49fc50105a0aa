"""An administrator changes a price; the audit trail tells; the price goes back."""

from typing import Any

from ultramarket.api_client import ApiClient
from ultramarket.demo.session import DemoSession, DemoFailed, money

WRITABLE = ("sku", "title", "options", "price", "compare_at_price", "weight_g", "barcode")


def change_price(stage: DemoSession, administrator: ApiClient, product: dict[str, Any]) -> None:
    """One cent up and down again, whatever happens in between."""
    path = f"/products/{product['id']}"
    before = [{name: one[name] for name in WRITABLE if name in one} for one in administrator.get(path)["variants"]]
    after = [one | {"price": _dearer(one["price"])} if one["sku"] == product["sku"] else one for one in before]
    known = newest_entry(administrator, product["id"])
    administrator.call("PATCH", path, {"variants": after}, idempotent=True)
    try:
        stage.tell(f"PATCH {path}", f"an administrator makes {product['sku']} a cent dearer")
        show_trail(stage, administrator, product, known)
    finally:
        administrator.call("PATCH", path, {"variants": before}, idempotent=True)
    stage.tell(f"PATCH {path}", "and takes it back")


def show_trail(stage: DemoSession, administrator: ApiClient, product: dict[str, Any], known: int) -> None:
    """Who changed the price, from what to what, behind entry `known`; and whether the trail is whole."""
    path = _trail_of(product["id"])

    def recorded() -> dict[str, Any] | None:
        newest = administrator.get(path)
        return newest[0] if newest and newest[0]["seq"] > known else None

    entry = stage.until(recorded, "the change isn't in the audit trail: `ultramarket logs audit`")
    who = f"{entry['actor'].get('email') or entry['actor']['id']}, {' '.join(entry['actor']['roles'])}"
    stage.tell(f"GET {path}", f"entry {entry['seq']} of the audit trail: {who}, from {entry['ip']}")
    for change in entry["changes"]:
        if change["field"] == "variants":
            was, now = (_price_of(change[side], product["sku"]) for side in ("before", "after"))
            stage.detail(f"price of {product['sku']}: {money(was)} → {money(now)}")
    stage.detail(f"[dim]request {entry['request_id']}, hash {entry['hash'][:16]}…[/]")
    verdict = administrator.get("/audit/verify")
    if not verdict["valid"]:
        raise DemoFailed(f"the audit trail is broken at entry {verdict.get('first_broken')}")
    stage.tell("GET /audit/verify", f"the chain of {verdict['entries']} entries is whole")


def newest_entry(administrator: ApiClient, product_id: str) -> int:
    """The number of the last change of this product that the trail knows; 0: none."""
    newest = administrator.get(_trail_of(product_id))
    return int(newest[0]["seq"]) if newest else 0


def _trail_of(product_id: str) -> str:
    return f"/audit?action=product.update&resource_id={product_id}&limit=1"


def _dearer(price: dict[str, Any]) -> dict[str, Any]:
    return {**price, "amount": price["amount"] + 1}


def _price_of(variants: list[dict[str, Any]], sku: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one["price"] for one in variants if one["sku"] == sku)
    return found
