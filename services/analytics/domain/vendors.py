"""A vendor's part of a visit: whether one of their products was looked at, put into the cart, ordered, paid.

An order's lines say whose they are. What visitors do names a product or SKU only; whose that is, the product's own
event says, which may be counted later: until then the visit waits for it. So the order of events doesn't matter here
either. A product stays with its vendor.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.analytics.domain.facts import Fact

Document = dict[str, Any]
SHOP: Final = ""
"""Whose products are that have no vendor: the shop's own; those count for nobody else."""
REMEMBERED: Final = 1000
"""So many unknown products, and vendors, of one visit are kept; a robot's visit may have more."""
_STAGES: Final = {"product_viewed": 0, "result_clicked": 0, "cart_added": 1}


def makers(labels: Iterable[Fact]) -> dict[str, str]:
    """Whose the products are that these facts tell of, by product and by SKU."""
    found: dict[str, str] = {}
    for fact in labels:
        if "skus" in fact.said:
            vendor = fact.said["vendor"] or SHOP
            found[fact.id.partition(":")[2]] = vendor
            found.update(dict.fromkeys(fact.said["skus"], vendor))
    return found


def named(fact: Fact) -> str | None:
    """The product, or SKU, that a fact of a visit shows interest in."""
    return (fact.said["product"] or fact.said["sku"]) if fact.name in _STAGES else None


def learn(session: Document, fact: Fact) -> None:
    """Keep the product that the fact names until `settle` knows whose it is."""
    key = named(fact)
    if key and not fact.said["anonymous"]:
        waits = {each["k"]: each["s"] for each in session.get("waits", ())}
        _raise(waits, key, _STAGES[fact.name])
        session["waits"] = [{"k": each, "s": stage} for each, stage in sorted(waits.items())]


def waiting(session: Document) -> list[str]:
    """The products and SKUs whose vendor the visit does not know yet."""
    return [each["k"] for each in session.get("waits", ())]


def settle(session: Document, known: Mapping[str, str]) -> None:
    """Credit the vendors of the products that are known."""
    if "waits" not in session:
        return
    own = dict(session.get("own", ()))
    for each in session["waits"]:
        vendor = known.get(each["k"])
        if vendor:
            _raise(own, vendor, each["s"])
    left = [each for each in session["waits"] if each["k"] not in known]
    if left:
        session["waits"] = left
    else:
        del session["waits"]
    if own:
        session["own"] = sorted([vendor, stage] for vendor, stage in own.items())


def _raise(stages: dict[str, int], key: str, stage: int) -> None:
    if key in stages or len(stages) < REMEMBERED:
        stages[key] = max(stages.get(key, stage), stage)


def stages(session: Document) -> dict[str, int]:
    """How far the visit came with each vendor: 0 view, 1 cart, 2 checkout, 3 paid."""
    if session.get("anonymous"):
        return {}
    reached = dict(session.get("own", ()))
    for _, vendor, stage in session.get("bought", ()):
        reached[vendor] = max(reached.get(vendor, stage), stage)
    return reached


# ---- orders --------------------------------------------------------------------------------------------------------


def of_order(order: Document) -> tuple[str, ...]:
    """Whose products were ordered."""
    sold = {line["v"] for line in order.get("confirmed", {}).get("lines", ())}
    return tuple(sorted(sold.union(order.get("placed", {}).get("vendors", ())) - {SHOP}))


def learn_order(link: Document, order_id: str, vendors: tuple[str, ...]) -> None:
    """Whose products the order on this link has; of one that hangs here no more, nobody's."""
    whose = dict(link.get("whose", ()))
    whose.pop(order_id, None)
    if vendors:
        whose[order_id] = list(vendors)
    if whose or "whose" in link:
        link["whose"] = sorted([known, vendors_] for known, vendors_ in whose.items())


def reached_by(link: Document) -> dict[str, int]:
    """How far the furthest order with each vendor's products came."""
    if not link.get("whose"):
        return {}
    reached = {order_id: stage for order_id, stage, _ in link.get("orders", ())}
    found: dict[str, int] = {}
    for order_id, vendors in link["whose"]:
        for vendor in vendors:
            found[vendor] = max(found.get(vendor, -1), reached[order_id])
    return found


def tie(session: Document, key: str, link: Document | None) -> None:
    """The orders on this link are the visit's, or (None) not any more."""
    rest = [each for each in session.get("bought", ()) if each[0] != key]
    bought = sorted([*rest, *([key, vendor, stage] for vendor, stage in reached_by(link or {}).items())])
    if bought or "bought" in session:
        session["bought"] = bought
