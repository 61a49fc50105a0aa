"""A price change by an administrator, its entry in the audit trail, and the restored price."""

from typing import Any, Final

from ultramarket.api_client import ApiClient
from ultramarket.demo.session import DemoFailed, DemoSession
from ultramarket.money import format_money

WRITABLE_FIELDS: Final = ("sku", "title", "options", "price", "compare_at_price", "weight_g", "barcode")


def change_price(session: DemoSession, administrator: ApiClient, product: dict[str, Any]) -> None:
    """Raise the price by one cent and restore it, also when a step in between fails."""
    path = f"/products/{product['id']}"
    variants = administrator.get(path)["variants"]
    before = [{name: variant[name] for name in WRITABLE_FIELDS if name in variant} for variant in variants]
    after = [
        variant | {"price": _raised(variant["price"])} if variant["sku"] == product["sku"] else variant
        for variant in before
    ]
    last_entry = latest_entry_number(administrator, product["id"])
    administrator.call("PATCH", path, {"variants": after}, idempotent=True)
    try:
        session.step(f"PATCH {path}", f"an administrator raises the price of {product['sku']} by one cent")
        show_audit_entry(session, administrator, product, last_entry)
    finally:
        administrator.call("PATCH", path, {"variants": before}, idempotent=True)
    session.step(f"PATCH {path}", "and restores it")


def show_audit_entry(session: DemoSession, administrator: ApiClient, product: dict[str, Any], last_entry: int) -> None:
    """Print the entry after `last_entry`, and whether the chain is intact."""
    path = _audit_path(product["id"])

    def new_entry() -> dict[str, Any] | None:
        entries = administrator.get(path)
        return entries[0] if entries and entries[0]["seq"] > last_entry else None

    entry = session.poll(new_entry, "the change is not in the audit trail: `ultramarket logs audit`")
    actor = f"{entry['actor'].get('email') or entry['actor']['id']}, {' '.join(entry['actor']['roles'])}"
    session.step(f"GET {path}", f"entry {entry['seq']} of the audit trail: {actor}, from {entry['ip']}")
    for change in entry["changes"]:
        if change["field"] == "variants":
            before, after = (_price_of(change[side], product["sku"]) for side in ("before", "after"))
            session.detail(f"price of {product['sku']}: {format_money(before)} → {format_money(after)}")
    session.detail(f"[dim]request {entry['request_id']}, hash {entry['hash'][:16]}…[/]")
    verdict = administrator.get("/audit/verify")
    if not verdict["valid"]:
        raise DemoFailed(f"the audit trail is broken at entry {verdict.get('first_broken')}")
    session.step("GET /audit/verify", f"the chain of {verdict['entries']} entries is intact")


def latest_entry_number(administrator: ApiClient, product_id: str) -> int:
    """Number of the last audit entry on the product; 0 without one."""
    entries = administrator.get(_audit_path(product_id))
    return int(entries[0]["seq"]) if entries else 0


def _audit_path(product_id: str) -> str:
    return f"/audit?action=product.update&resource_id={product_id}&limit=1"


def _raised(price: dict[str, Any]) -> dict[str, Any]:
    return {**price, "amount": price["amount"] + 1}


def _price_of(variants: list[dict[str, Any]], sku: str) -> dict[str, Any]:
    price: dict[str, Any] = next(variant["price"] for variant in variants if variant["sku"] == sku)
    return price
