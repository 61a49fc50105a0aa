"""A visit as the figures see it: how far it came in the funnel, what it looked for, what it left in the cart."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from services.analytics.domain import counters, exposures, vendors
from services.analytics.domain.counters import EVERYBODY, Counters
from services.analytics.domain.facts import Fact

Session = dict[str, Any]
Link = dict[str, Any]
STEPS: Final = ("view", "cart", "checkout", "paid")
REMEMBERED: Final = 1000
"""So many events of one visit are told from their repetitions; a robot's visit may have more."""
VIEWING: Final = ("page_viewed", "product_viewed", "search_performed", "result_clicked")


class Tied(NamedTuple):
    """An order that hangs on a link."""

    key: str
    order_id: str
    reached: int | None
    """2: checkout, 3: paid; None: it hangs there no more."""
    at: datetime
    vendors: tuple[str, ...] = ()
    """Whose products it has."""


def learn(session: Session, fact: Fact, book: Counters) -> bool:
    """Add a fact, and what it counts by itself. False for a repetition."""
    ids = session.setdefault("ids", [])
    if fact.event_id in ids:
        return False
    ids.append(fact.event_id)
    del ids[:-REMEMBERED]
    said = fact.said
    if said["anonymous"]:
        session["anonymous"] = True
    if fact.name in VIEWING:
        session["viewed"] = True
    elif fact.name == "cart_added":
        left = dict(session.get("cart", ()))
        product = said["product"] or said["sku"] or ""
        left[product] = left.get(product, 0) + said["quantity"]
        session["cart"] = sorted([product, units] for product, units in left.items())
    vendors.learn(session, fact)
    if fact.name != "session_identified":
        session["start"] = min(session.get("start", fact.at), fact.at)
        session["last"] = max(session.get("last", fact.at), fact.at)
    if said["query"]:
        _learn_search(session, fact, book)
    if fact.name == "product_viewed" and said["product"]:
        book.add(counters.VIEWS, said["product"], fact.at, [("n", 1)])
    return True


def _learn_search(session: Session, fact: Fact, book: Counters) -> None:
    """A search counts once a minute and visit: asked for twice, paged through, or told by server and browser alike."""
    query = fact.said["query"]
    if fact.name == "result_clicked":
        position = [("ps", fact.said["position"]), ("pn", 1)] if fact.said["position"] is not None else []
        book.add(counters.QUERY, query, fact.at, [("c", 1), *position])
    elif fact.name == "search_performed":
        minute = fact.at.replace(second=0, microsecond=0)
        searches = {(q, at): results for q, at, results in session.get("searches", ())}
        results = fact.said["results"]
        known = searches.get((query, minute))
        searches[query, minute] = known if results is None else results if known is None else max(known, results)
        session["searches"] = [[q, at, found] for (q, at), found in sorted(searches.items(), key=lambda item: item[0])]


def stage(session: Session) -> int:
    """How far it came: -1 nowhere, 0 view, 1 cart, 2 checkout, 3 paid."""
    if session.get("anonymous"):
        return -1
    own = 1 if session.get("cart") else 0 if session.get("viewed") else -1
    return int(max([own, *(reached for _, reached in session.get("links", ()))]))


def count(session: Session, book: Counters, sign: int) -> None:
    """Add the visit to the counters (sign 1), or take it out again (-1)."""
    for query, minute, results in session.get("searches", ()):
        book.add(counters.QUERY, query, minute, [("s", sign), ("z", sign if results == 0 else 0)])
    if "start" not in session:
        return
    reached = stage(session)
    _count_funnel(book, session["start"], reached, sign)
    if reached == 1:
        for product, units in session["cart"]:
            book.add(counters.LEFT, product, session["start"], [("n", sign), ("u", sign * units)])
    for vendor, far in vendors.stages(session).items():
        _count_funnel(book, session["start"], far, sign, vendor)


def _count_funnel(book: Counters, at: datetime, reached: int, sign: int, scope: str = EVERYBODY) -> None:
    if reached >= 0:
        book.add(counters.FUNNEL, "", at, [(f"s{step}", sign) for step in range(reached + 1)], scope)


def link_keys(fact: Fact) -> list[str]:
    """What ties a visit to orders: the account of the day, the guest's cart."""
    if fact.said["anonymous"]:
        return []
    user, cart = fact.said["user"], fact.said["cart"]
    keys = [f"u:{user}:{fact.at:%Y-%m-%d}"] if user else []
    return [*keys, f"c:{cart}"] if cart else keys


def learn_session(link: Link, session_id: str, at: datetime) -> None:
    """The visit that was tied last has the orders."""
    link["session"] = max(link.get("session") or [at, session_id], [at, session_id])


def learn_order(link: Link, tied: Tied) -> None:
    """An order hangs on this link, or doesn't any more."""
    orders = {known: [known, stage_, since] for known, stage_, since in link.get("orders", ())}
    orders.pop(tied.order_id, None)
    if tied.reached is not None:
        orders[tied.order_id] = [tied.order_id, tied.reached, tied.at]
    link["orders"] = sorted(orders.values())
    vendors.learn_order(link, tied.order_id, tied.vendors if tied.reached is not None else ())


def tie(session: Session, key: str, link: Link | None) -> None:
    """What hangs on this link is the visit's, or (None) not any more."""
    rest = [each for each in session.get("links", ()) if each[0] != key]
    reached = reached_by(link or {})
    session["links"] = sorted([*rest, [key, reached]] if reached >= 0 else rest)
    vendors.tie(session, key, link)


def standing(link: Link) -> Any:
    """What of a link matters to visits."""
    return link.get("session"), reached_by(link), vendors.reached_by(link)


def reached_by(link: Link) -> int:
    """How far the furthest of its orders came; -1 without orders."""
    return max((reached for _, reached, _ in link.get("orders", ())), default=-1)


def count_link(link: Link, book: Counters, sign: int) -> None:
    """Who bought without being seen counts as a visit of its own: whoever pays has looked and filled a cart."""
    exposures.count(link, book, sign)
    if not link.get("session") and link.get("orders"):
        since = min(at for _, _, at in link["orders"])
        _count_funnel(book, since, reached_by(link), sign)
        for vendor, reached in vendors.reached_by(link).items():
            _count_funnel(book, since, reached, sign, vendor)
