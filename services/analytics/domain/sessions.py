"""Sessions: funnel stage, searches and cart contents of a visitor's session."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from services.analytics.domain import counters, exposures, vendors
from services.analytics.domain.counters import EVERYBODY, CounterChanges
from services.analytics.domain.facts import Fact

Session = dict[str, Any]
Link = dict[str, Any]
STEPS: Final = ("view", "cart", "checkout", "paid")
MAX_REMEMBERED: Final = 1000
"""Number of event ids per session that are stored to recognize duplicates; only a robot's session has more."""
CHOOSING: Final = ("product_viewed", "result_clicked", "cart_added")
"""What a session does beside searching, for its searches to count as a person's."""
VIEWING: Final = ("page_viewed", "product_viewed", "search_performed", "result_clicked")


class LinkedOrder(NamedTuple):
    """A change of an order on a link (see `link_keys`)."""

    key: str
    order_id: str
    reached: int | None
    """Funnel stage: 2 checkout, 3 paid; None removes the order from the link."""
    at: datetime
    vendors: tuple[str, ...] = ()
    """Vendors of the ordered products."""


def apply_fact(session: Session, fact: Fact, changes: CounterChanges) -> bool:
    """Merge a fact into the session, and count clicks and product views. Returns False for a duplicate."""
    ids = session.setdefault("ids", [])
    if fact.event_id in ids:
        return False
    ids.append(fact.event_id)
    del ids[:-MAX_REMEMBERED]
    data = fact.data
    if data["anonymous"]:
        session["anonymous"] = True
    if fact.name in VIEWING:
        session["viewed"] = True
    elif fact.name == "cart_added":
        cart = dict(session.get("cart", ()))
        product = data["product"] or data["sku"] or ""
        cart[product] = cart.get(product, 0) + data["quantity"]
        session["cart"] = sorted([product, units] for product, units in cart.items())
    vendors.apply_fact(session, fact)
    if fact.name != "session_identified":
        session["start"] = min(session.get("start", fact.at), fact.at)
        session["last"] = max(session.get("last", fact.at), fact.at)
    if data["query"]:
        _apply_search(session, fact, changes)
    _record_sought(session, fact)
    if fact.name == "product_viewed" and data["product"]:
        changes.add(counters.VIEWS, data["product"], fact.at, [("n", 1)])
    return True


def _apply_search(session: Session, fact: Fact, changes: CounterChanges) -> None:
    """Record a search once per query, minute and session: server and browser may both report it, page by page."""
    query = fact.data["query"]
    if fact.name == "result_clicked":
        position = [("ps", fact.data["position"]), ("pn", 1)] if fact.data["position"] is not None else []
        changes.add(counters.QUERY, query, fact.at, [("c", 1), *position])
    elif fact.name == "search_performed":
        minute = fact.at.replace(second=0, microsecond=0)
        searches = {(q, at): results for q, at, results in session.get("searches", ())}
        results = fact.data["results"]
        previous = searches.get((query, minute))
        searches[query, minute] = max((each for each in (previous, results) if each is not None), default=None)
        session["searches"] = [
            [q, at, results] for (q, at), results in sorted(searches.items(), key=lambda item: item[0])
        ]


def _record_sought(session: Session, fact: Fact) -> None:
    """Record the successful searches of a session that did more than search, for the popular queries.

    The number of results is known of searches that the gateway has reported, not of those that a client claims.
    """
    if fact.name in CHOOSING:
        session["chose"] = True
    if network := fact.data["network"]:
        session["network"] = min(session.get("network", network), network)
    if session.get("chose") and "network" in session and not session.get("anonymous"):
        session["sought"] = sorted({query for query, _, results in session.get("searches", ()) if results})


def funnel_stage(session: Session) -> int:
    """The furthest funnel stage of the session: -1 none, 0 view, 1 cart, 2 checkout, 3 paid."""
    if session.get("anonymous"):
        return -1
    own = 1 if session.get("cart") else 0 if session.get("viewed") else -1
    return int(max([own, *(reached for _, reached in session.get("links", ()))]))


def count(session: Session, changes: CounterChanges, sign: int) -> None:
    """Add the session to the counters (sign 1) or subtract it (sign -1)."""
    for query, minute, results in session.get("searches", ()):
        changes.add(counters.QUERY, query, minute, [("s", sign), ("z", sign if results == 0 else 0)])
    if "start" not in session:
        return
    reached = funnel_stage(session)
    _count_funnel(changes, session["start"], reached, sign)
    if reached == 1:
        for product, units in session["cart"]:
            changes.add(counters.LEFT, product, session["start"], [("n", sign), ("u", sign * units)])
    for vendor, far in vendors.funnel_stages(session).items():
        _count_funnel(changes, session["start"], far, sign, vendor)


def _count_funnel(changes: CounterChanges, at: datetime, reached: int, sign: int, scope: str = EVERYBODY) -> None:
    if reached >= 0:
        changes.add(counters.FUNNEL, "", at, [(f"s{step}", sign) for step in range(reached + 1)], scope)


def link_keys(fact: Fact) -> list[str]:
    """Keys that link a session to orders: the account and day (UTC), and the guest's cart."""
    if fact.data["anonymous"]:
        return []
    user, cart = fact.data["user"], fact.data["cart"]
    keys = [f"u:{user}:{fact.at:%Y-%m-%d}"] if user else []
    return [*keys, f"c:{cart}"] if cart else keys


def assign_session(link: Link, session_id: str, at: datetime) -> None:
    """Assign a session to the link. The latest one is credited with the link's orders."""
    link["session"] = max(link.get("session") or [at, session_id], [at, session_id])


def assign_order(link: Link, linked: LinkedOrder) -> None:
    """Add an order to the link, replace it, or (`reached` None) remove it."""
    orders = {order_id: [order_id, stage, since] for order_id, stage, since in link.get("orders", ())}
    orders.pop(linked.order_id, None)
    if linked.reached is not None:
        orders[linked.order_id] = [linked.order_id, linked.reached, linked.at]
    link["orders"] = sorted(orders.values())
    vendors.assign_order(link, linked.order_id, linked.vendors if linked.reached is not None else ())


def link_orders(session: Session, key: str, link: Link | None) -> None:
    """Credit the session with the link's orders; None withdraws them."""
    rest = [each for each in session.get("links", ()) if each[0] != key]
    reached = furthest_stage(link or {})
    session["links"] = sorted([*rest, [key, reached]] if reached >= 0 else rest)
    vendors.link_orders(session, key, link)


def link_state(link: Link) -> Any:
    """The part of a link that sessions depend on, for comparison."""
    return link.get("session"), furthest_stage(link), vendors.furthest_stages(link)


def furthest_stage(link: Link) -> int:
    """The furthest funnel stage of the link's orders; -1 without orders."""
    return max((reached for _, reached, _ in link.get("orders", ())), default=-1)


def count_link(link: Link, changes: CounterChanges, sign: int) -> None:
    """Add or subtract the link's exposures and, when no session is assigned, its orders.

    Orders without a tracked session count as one session that has passed all earlier stages.
    """
    exposures.count(link, changes, sign)
    if not link.get("session") and link.get("orders"):
        since = min(at for _, _, at in link["orders"])
        _count_funnel(changes, since, furthest_stage(link), sign)
        for vendor, reached in vendors.furthest_stages(link).items():
            _count_funnel(changes, since, reached, sign, vendor)
