"""A batch of facts turned into changes of the read model.

Everything known of an order, a visit, a payment is a document that facts are merged into, each at most once; what it
adds to the counters is a function of that document. A batch takes out what the documents it touches added before and
adds what they add now. So a fact that comes twice, late or out of order leaves the same figures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.analytics.domain import exposures, facts, orders, payments, sessions, vendors
from services.analytics.domain.calendar import Calendar
from services.analytics.domain.counters import Counters
from services.analytics.domain.facts import Fact
from services.analytics.domain.sessions import Tied

Document = dict[str, Any]
Load = Callable[[str, Iterable[str]], dict[str, Document]]
"""The documents of a collection by their ids; those that don't exist are missing."""

Waiting = Callable[[Iterable[str]], Iterable[str]]
"""The visits that wait to hear whose these products are."""

LINKS: Final = "links"
MAKERS: Final = "makers"
LEVELS: Final = "stock_months"
SEEN_FOR: Final = timedelta(hours=2)
"""How long a minute's visitors are kept: the live figure shows one hour."""


@dataclass
class CustomerChange:
    """What a customer's record gains; every part can be added in any order."""

    orders: int = 0
    spent: dict[str, int] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)
    email: str | None = None


@dataclass
class Changes:
    """What a batch does to the read model."""

    documents: dict[str, dict[str, Document]]
    counters: dict[str, dict[str, int]]
    customers: dict[str, CustomerChange]
    labels: dict[str, Fact]
    titles: dict[str, str]
    """Products' titles as orders have them, for products of which nothing else is known."""
    visits: dict[tuple[datetime, str], set[str]]
    """Who was there in which minute, and whose products they showed interest in."""
    makers: dict[str, str]
    """Of products and SKUs whose they are, where that was not known."""
    awaited: set[str]
    """Products and SKUs of which it is not known yet."""


class Tally:
    """Counts one batch. Make a new one for each."""

    def __init__(self, calendar: Calendar, load: Load, waiting: Waiting, now: datetime) -> None:
        self._load, self._waiting, self._now = load, waiting, now
        self._counters = Counters(calendar)
        self._documents: dict[str, dict[str, Document]] = defaultdict(dict)
        self._customers: dict[str, CustomerChange] = defaultdict(CustomerChange)
        self._titles: dict[str, str] = {}
        self._visits: dict[tuple[datetime, str], set[str]] = defaultdict(set)
        self._makers: dict[str, str] = {}
        self._awaited: set[str] = set()

    def count(self, batch: Iterable[Fact]) -> Changes:
        """The changes that these facts make."""
        by_kind: dict[str, list[Fact]] = defaultdict(list)
        for fact in batch:
            by_kind[fact.kind].append(fact)
        labels = _newest(by_kind[facts.LABEL])
        self._note_makers(labels)
        tied = self._count_orders(by_kind[facts.ORDER])
        self._count_sessions(by_kind[facts.SESSION], tied, by_kind[facts.FLAG])
        self._count_payments(by_kind[facts.PAYMENT])
        self._note_levels(by_kind[facts.STOCK])
        return Changes(
            dict(self._documents),
            self._counters.changes(),
            dict(self._customers),
            labels,
            self._titles,
            dict(self._visits),
            self._makers,
            self._awaited,
        )

    def _note_makers(self, labels: dict[str, Fact]) -> None:
        """Keep whose products are that were not known."""
        told = vendors.makers(labels.values())
        known = self._load(MAKERS, told) if told else {}
        self._makers = {key: vendor for key, vendor in told.items() if "vendor" not in known.get(key, ())}

    def _count_orders(self, news: list[Fact]) -> list[Tied]:
        """Count the orders; which link each hangs on now, or (None) doesn't any more."""
        known = self._get(facts.ORDER, (fact.id for fact in news))
        before = {id_: (orders.worth(order), orders.journey(order)) for id_, order in known.items()}
        for order in known.values():
            orders.count(order, self._counters, -1)
        was_confirmed = {id_ for id_, order in known.items() if "confirmed" in order}
        for fact in news:
            orders.learn(known[fact.id], fact)
        tied: list[Tied] = []
        for id_, order in known.items():
            orders.count(order, self._counters, 1)
            order["entries"] = orders.entries(order)
            worth, journey = before[id_]
            self._count_customer(order, orders.worth(order) - worth, id_ not in was_confirmed)
            now = orders.journey(order)
            if now != journey:
                if journey is not None and (now is None or journey[0] != now[0]):
                    tied.append(Tied(journey[0], id_, None, journey[2]))
                if now is not None:
                    tied.append(Tied(now[0], id_, *now[1:]))
        return tied

    def _count_customer(self, order: Document, spent: int, is_new: bool) -> None:
        sale = order.get("confirmed")
        if sale is None or not (spent or is_new):
            return
        change = self._customers[sale["customer"]]
        change.spent[sale["currency"]] = change.spent.get(sale["currency"], 0) + spent
        if is_new:
            change.orders += 1
            change.times.append(sale["at"])
            change.email = sale["email"]
            self._titles.update((line["p"], line["title"]) for line in sale["lines"])

    def _count_sessions(self, news: list[Fact], tied: list[Tied], shown: list[Fact]) -> None:
        late = self._waiting(self._makers) if self._makers else ()
        known = self._get(facts.SESSION, [*(fact.id for fact in news), *late])
        for session in known.values():
            sessions.count(session, self._counters, -1)
        named: list[tuple[str, str, datetime]] = []
        for fact in news:
            if sessions.learn(known[fact.id], fact, self._counters):
                named += [(key, fact.id, fact.at) for key in sessions.link_keys(fact)]
                if not fact.said["anonymous"] and fact.at > self._now - SEEN_FOR:
                    product = vendors.named(fact)
                    self._visits[fact.at.replace(second=0, microsecond=0), fact.id] |= {product} if product else set()
        self._settle(known)
        self._tie(named, tied, shown, known)
        for session in known.values():
            sessions.count(session, self._counters, 1)

    def _settle(self, known: dict[str, Document]) -> None:
        """Find out whose the products are that visits name."""
        asked = {key for session in known.values() for key in vendors.waiting(session)}
        unknown = asked - self._makers.keys()
        found = self._load(MAKERS, unknown) if unknown else {}
        makers = self._makers | {key: maker["vendor"] for key, maker in found.items() if "vendor" in maker}
        for session in known.values():
            vendors.settle(session, makers)
        self._awaited = asked - makers.keys()
        for visit, products in self._visits.items():
            self._visits[visit] = {makers[product] for product in products if makers.get(product)}

    def _tie(
        self,
        named: list[tuple[str, str, datetime]],
        tied: list[Tied],
        shown: list[Fact],
        known: dict[str, Document],
    ) -> None:
        """Bring visits, orders and what was shown together; sessions that this concerns join the `known`."""
        keys = [key for key, _, _ in named] + [each.key for each in tied] + [exposures.link_key(fact) for fact in shown]
        links = self._get(LINKS, keys)
        before = {key: sessions.standing(link) for key, link in links.items()}
        for link in links.values():
            sessions.count_link(link, self._counters, -1)
        for key, session_id, at in named:
            sessions.learn_session(links[key], session_id, at)
        for each in tied:
            sessions.learn_order(links[each.key], each)
        for fact in shown:
            exposures.learn(links[exposures.link_key(fact)], fact)
        for link in links.values():
            sessions.count_link(link, self._counters, 1)
        moved = {key: link for key, link in links.items() if before[key] != sessions.standing(link)}
        wanted = {link["session"][1] for link in moved.values() if link.get("session")}
        wanted |= {was[1] for key in moved if (was := before[key][0])}
        others = self._get(facts.SESSION, wanted - known.keys())
        for session in others.values():
            sessions.count(session, self._counters, -1)
        known |= others
        for key, link in moved.items():
            was, is_ = before[key][0], link.get("session")
            if was:
                sessions.tie(known[was[1]], key, None)
            if is_:
                sessions.tie(known[is_[1]], key, link)

    def _count_payments(self, news: list[Fact]) -> None:
        known = self._get(facts.PAYMENT, (fact.id for fact in news))
        for payment in known.values():
            payments.count(payment, self._counters, -1)
        for fact in news:
            payments.learn(known[fact.id], fact)
        for payment in known.values():
            payments.count(payment, self._counters, 1)

    def _note_levels(self, news: list[Fact]) -> None:
        """A SKU's last level of each month."""
        keys = [f"{fact.id}|{self._counters.calendar.keys(fact.at)[2]}" for fact in news]
        known = self._get(LEVELS, keys)
        for key, fact in zip(keys, news, strict=True):
            level = known[key]
            if fact.sequence >= level.get("sequence", -1):
                level.update(fact.said, sku=fact.id, month=key.rpartition("|")[2], sequence=fact.sequence)

    def _get(self, kind: str, ids: Iterable[str]) -> dict[str, Document]:
        """The documents with these ids, to be changed; those that are new are empty."""
        mine = self._documents[kind]
        wanted = dict.fromkeys(ids)
        missing = [id_ for id_ in wanted if id_ not in mine]
        if missing:
            found = self._load(kind, missing)
            for id_ in missing:
                mine[id_] = found.get(id_, {})
        return {id_: mine[id_] for id_ in wanted}


def _newest(news: list[Fact]) -> dict[str, Fact]:
    newest: dict[str, Fact] = {}
    for fact in news:
        if fact.id not in newest or (fact.sequence, fact.at) >= (newest[fact.id].sequence, newest[fact.id].at):
            newest[fact.id] = fact
    return newest
