"""Vendor funnels: the funnel stage that a session has reached with each vendor's products.

Order lines carry their vendor. Behaviour events carry a product id or SKU only; its owner comes from the product's own
event, which may be read later. Until then the session stores the product as unresolved (field `waits`), so the order of
events does not matter. The owner of a product never changes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.analytics.domain.facts import Fact

Document = dict[str, Any]
OWN_SHOP: Final = ""
"""Owner of products without a vendor: the shop itself. Those count in no vendor's figures."""
MAX_REMEMBERED: Final = 1000
"""Number of unresolved products, and of vendors, stored per session; only a robot's session has more."""
_STAGES: Final = {"product_viewed": 0, "result_clicked": 0, "cart_added": 1}


def owners_by_product(labels: Iterable[Fact]) -> dict[str, str]:
    """Vendor id by product id and by SKU, from product events."""
    owners: dict[str, str] = {}
    for fact in labels:
        if "skus" in fact.data:
            vendor = fact.data["vendor"] or OWN_SHOP
            owners[fact.id.partition(":")[2]] = vendor
            owners.update(dict.fromkeys(fact.data["skus"], vendor))
    return owners


def product_of(fact: Fact) -> str | None:
    """The product id or SKU that was viewed, clicked or added to the cart; None for other facts."""
    return (fact.data["product"] or fact.data["sku"]) if fact.name in _STAGES else None


def apply_fact(session: Document, fact: Fact) -> None:
    """Store the product of the fact as unresolved, for `resolve_owners`."""
    key = product_of(fact)
    if key and not fact.data["anonymous"]:
        waits = {each["k"]: each["s"] for each in session.get("waits", ())}
        _raise_stage(waits, key, _STAGES[fact.name])
        session["waits"] = [{"k": each, "s": stage} for each, stage in sorted(waits.items())]


def unresolved_products(session: Document) -> list[str]:
    """Product ids and SKUs of the session whose owner is not known yet."""
    return [each["k"] for each in session.get("waits", ())]


def resolve_owners(session: Document, owners: Mapping[str, str]) -> None:
    """Credit the owners of the unresolved products that are in `owners`."""
    if "waits" not in session:
        return
    own = dict(session.get("own", ()))
    for each in session["waits"]:
        vendor = owners.get(each["k"])
        if vendor:
            _raise_stage(own, vendor, each["s"])
    unresolved = [each for each in session["waits"] if each["k"] not in owners]
    if unresolved:
        session["waits"] = unresolved
    else:
        del session["waits"]
    if own:
        session["own"] = sorted([vendor, stage] for vendor, stage in own.items())


def _raise_stage(stages: dict[str, int], key: str, stage: int) -> None:
    if key in stages or len(stages) < MAX_REMEMBERED:
        stages[key] = max(stages.get(key, stage), stage)


def funnel_stages(session: Document) -> dict[str, int]:
    """The furthest funnel stage of the session by vendor: 0 view, 1 cart, 2 checkout, 3 paid."""
    if session.get("anonymous"):
        return {}
    reached = dict(session.get("own", ()))
    for _, vendor, stage in session.get("bought", ()):
        reached[vendor] = max(reached.get(vendor, stage), stage)
    return reached


# ---- orders --------------------------------------------------------------------------------------------------------


def vendors_of_order(order: Document) -> tuple[str, ...]:
    """The vendors of the ordered products, without the shop itself."""
    sold = {line["v"] for line in order.get("confirmed", {}).get("lines", ())}
    return tuple(sorted(sold.union(order.get("placed", {}).get("vendors", ())) - {OWN_SHOP}))


def assign_order(link: Document, order_id: str, vendors: tuple[str, ...]) -> None:
    """Store the vendors of an order on the link (field `whose`); no vendors remove the entry."""
    vendors_by_order = dict(link.get("whose", ()))
    vendors_by_order.pop(order_id, None)
    if vendors:
        vendors_by_order[order_id] = list(vendors)
    if vendors_by_order or "whose" in link:
        link["whose"] = sorted([each, ids] for each, ids in vendors_by_order.items())


def furthest_stages(link: Document) -> dict[str, int]:
    """The furthest funnel stage of the link's orders by vendor."""
    if not link.get("whose"):
        return {}
    reached = {order_id: stage for order_id, stage, _ in link.get("orders", ())}
    furthest: dict[str, int] = {}
    for order_id, vendors in link["whose"]:
        for vendor in vendors:
            furthest[vendor] = max(furthest.get(vendor, -1), reached[order_id])
    return furthest


def link_orders(session: Document, key: str, link: Document | None) -> None:
    """Credit the session with the vendors of the link's orders; None withdraws them."""
    rest = [each for each in session.get("bought", ()) if each[0] != key]
    bought = sorted([*rest, *([key, vendor, stage] for vendor, stage in furthest_stages(link or {}).items())])
    if bought or "bought" in session:
        session["bought"] = bought
