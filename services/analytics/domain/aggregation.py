"""Aggregation: the changes to the read model that a batch of facts causes.

Each order, session and payment is one document. Every fact is merged into its document at most once, and the document's
contribution to the counters is a function of the document alone. A batch subtracts the previous contribution of each
document that it changes and adds the new one, so duplicated, late and reordered facts lead to the same figures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from types import ModuleType
from typing import Final

from services.analytics.domain import disputes, exposures, facts, orders, payments, sessions, vendors
from services.analytics.domain.calendar import Calendar
from services.analytics.domain.changes import Changes, CustomerChange, Document
from services.analytics.domain.counters import CounterChanges
from services.analytics.domain.facts import Fact
from services.analytics.domain.sessions import LinkedOrder

LoadDocuments = Callable[[str, Iterable[str]], dict[str, Document]]
"""Loads documents of a collection by id; ids without a document are left out."""

FindUnresolvedSessions = Callable[[Iterable[str]], Iterable[str]]
"""Finds the ids of sessions that refer to these products while their owner was not known."""

LINKS: Final = "links"
PRODUCT_OWNERS: Final = "makers"  # the stored name of the collection
STOCK_LEVELS: Final = "stock_months"
VISITOR_RETENTION: Final = timedelta(hours=2)
"""How long the sessions active in a minute are stored; the live figures cover one hour."""


class BatchAggregator:
    """Aggregates one batch of facts. Not reusable."""

    def __init__(
        self, calendar: Calendar, load: LoadDocuments, find_unresolved: FindUnresolvedSessions, now: datetime
    ) -> None:
        self._load, self._find_unresolved, self._now = load, find_unresolved, now
        self._counters = CounterChanges(calendar)
        self._documents: dict[str, dict[str, Document]] = defaultdict(dict)
        self._customers: dict[str, CustomerChange] = defaultdict(CustomerChange)
        self._titles: dict[str, str] = {}
        self._active_minutes: dict[tuple[datetime, str], set[str]] = defaultdict(set)
        self._product_owners: dict[str, str] = {}
        self._unresolved: set[str] = set()

    def apply(self, batch: Iterable[Fact]) -> Changes:
        """Return the changes that these facts cause."""
        by_kind: dict[str, list[Fact]] = defaultdict(list)
        for fact in batch:
            by_kind[fact.kind].append(fact)
        labels = _newest(by_kind[facts.LABEL])
        self._record_product_owners(labels)
        linked_orders = self._count_orders(by_kind[facts.ORDER])
        self._count_sessions(by_kind[facts.SESSION], linked_orders, by_kind[facts.FLAG])
        self._count_each(payments, facts.PAYMENT, by_kind[facts.PAYMENT])
        self._count_each(disputes, facts.DISPUTE, by_kind[facts.DISPUTE])
        self._record_stock_levels(by_kind[facts.STOCK])
        return Changes(
            dict(self._documents),
            self._counters.changes(),
            dict(self._customers),
            labels,
            self._titles,
            dict(self._active_minutes),
            self._product_owners,
            self._unresolved,
        )

    def _record_product_owners(self, labels: dict[str, Fact]) -> None:
        """Record the owners of products that had none stored."""
        owners = vendors.owners_by_product(labels.values())
        stored = self._load(PRODUCT_OWNERS, owners) if owners else {}
        self._product_owners = {key: vendor for key, vendor in owners.items() if "vendor" not in stored.get(key, ())}

    def _count_orders(self, batch: list[Fact]) -> list[LinkedOrder]:
        """Count the orders. Returns the changes of orders on links."""
        orders_by_id = self._documents_of(facts.ORDER, (fact.id for fact in batch))
        before = {id_: (orders.net_paid(order), orders.funnel_position(order)) for id_, order in orders_by_id.items()}
        for order in orders_by_id.values():
            orders.count(order, self._counters, -1)
        was_confirmed = {id_ for id_, order in orders_by_id.items() if "confirmed" in order}
        for fact in batch:
            orders.apply_fact(orders_by_id[fact.id], fact)
        linked_orders: list[LinkedOrder] = []
        for id_, order in orders_by_id.items():
            orders.count(order, self._counters, 1)
            order["entries"] = orders.entries(order)
            net_paid, funnel_position = before[id_]
            self._count_customer(order, orders.net_paid(order) - net_paid, id_ not in was_confirmed)
            now = orders.funnel_position(order)
            if now != funnel_position:
                if funnel_position is not None and (now is None or funnel_position[0] != now[0]):
                    linked_orders.append(LinkedOrder(funnel_position[0], id_, None, funnel_position[2]))
                if now is not None:
                    linked_orders.append(LinkedOrder(now[0], id_, *now[1:]))
        return linked_orders

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

    def _count_sessions(self, batch: list[Fact], linked_orders: list[LinkedOrder], exposure_facts: list[Fact]) -> None:
        late = self._find_unresolved(self._product_owners) if self._product_owners else ()
        sessions_by_id = self._documents_of(facts.SESSION, [*(fact.id for fact in batch), *late])
        for session in sessions_by_id.values():
            sessions.count(session, self._counters, -1)
        session_links: list[tuple[str, str, datetime]] = []
        for fact in batch:
            if sessions.apply_fact(sessions_by_id[fact.id], fact, self._counters):
                session_links += [(key, fact.id, fact.at) for key in sessions.link_keys(fact)]
                if not fact.data["anonymous"] and fact.at > self._now - VISITOR_RETENTION:
                    product = vendors.product_of(fact)
                    self._active_minutes[fact.at.replace(second=0, microsecond=0), fact.id] |= (
                        {product} if product else set()
                    )
        self._resolve_owners(sessions_by_id)
        self._link_sessions_and_orders(session_links, linked_orders, exposure_facts, sessions_by_id)
        for session in sessions_by_id.values():
            sessions.count(session, self._counters, 1)

    def _resolve_owners(self, sessions_by_id: dict[str, Document]) -> None:
        """Look up the owners of the products that the sessions refer to."""
        keys = {key for session in sessions_by_id.values() for key in vendors.unresolved_products(session)}
        unknown = keys - self._product_owners.keys()
        stored = self._load(PRODUCT_OWNERS, unknown) if unknown else {}
        product_owners = self._product_owners | {
            key: owner["vendor"] for key, owner in stored.items() if "vendor" in owner
        }
        for session in sessions_by_id.values():
            vendors.resolve_owners(session, product_owners)
        self._unresolved = keys - product_owners.keys()
        for minute, products in self._active_minutes.items():
            self._active_minutes[minute] = {
                product_owners[product] for product in products if product_owners.get(product)
            }

    def _link_sessions_and_orders(
        self,
        session_links: list[tuple[str, str, datetime]],
        linked_orders: list[LinkedOrder],
        exposure_facts: list[Fact],
        sessions_by_id: dict[str, Document],
    ) -> None:
        """Update the links of sessions, orders and exposures; affected sessions are added to `sessions_by_id`."""
        keys = (
            [key for key, _, _ in session_links]
            + [each.key for each in linked_orders]
            + [exposures.link_key(fact) for fact in exposure_facts]
        )
        links = self._documents_of(LINKS, keys)
        before = {key: sessions.link_state(link) for key, link in links.items()}
        for link in links.values():
            sessions.count_link(link, self._counters, -1)
        for key, session_id, at in session_links:
            sessions.assign_session(links[key], session_id, at)
        for each in linked_orders:
            sessions.assign_order(links[each.key], each)
        for fact in exposure_facts:
            exposures.apply_fact(links[exposures.link_key(fact)], fact)
        for link in links.values():
            sessions.count_link(link, self._counters, 1)
        changed = {key: link for key, link in links.items() if before[key] != sessions.link_state(link)}
        session_ids = {link["session"][1] for link in changed.values() if link.get("session")}
        session_ids |= {previous[1] for key in changed if (previous := before[key][0])}
        affected = self._documents_of(facts.SESSION, session_ids - sessions_by_id.keys())
        for session in affected.values():
            sessions.count(session, self._counters, -1)
        sessions_by_id |= affected
        for key, link in changed.items():
            previous, current = before[key][0], link.get("session")
            if previous:
                sessions.link_orders(sessions_by_id[previous[1]], key, None)
            if current:
                sessions.link_orders(sessions_by_id[current[1]], key, link)

    def _count_each(self, rules: ModuleType, kind: str, batch: list[Fact]) -> None:
        """Count documents of one kind that depend on no others."""
        documents = self._documents_of(kind, (fact.id for fact in batch))
        for document in documents.values():
            rules.count(document, self._counters, -1)
        for fact in batch:
            rules.apply_fact(documents[fact.id], fact)
        for document in documents.values():
            rules.count(document, self._counters, 1)

    def _record_stock_levels(self, batch: list[Fact]) -> None:
        """Store the last stock level of each SKU and month."""
        keys = [f"{fact.id}|{self._counters.calendar.keys(fact.at)[2]}" for fact in batch]
        levels = self._documents_of(STOCK_LEVELS, keys)
        for key, fact in zip(keys, batch, strict=True):
            level = levels[key]
            if fact.sequence >= level.get("sequence", -1):
                level.update(fact.data, sku=fact.id, month=key.rpartition("|")[2], sequence=fact.sequence)

    def _documents_of(self, kind: str, ids: Iterable[str]) -> dict[str, Document]:
        """The documents with these ids, for modification; new ones are empty."""
        documents = self._documents[kind]
        unique_ids = dict.fromkeys(ids)
        missing = [id_ for id_ in unique_ids if id_ not in documents]
        if missing:
            stored = self._load(kind, missing)
            for id_ in missing:
                documents[id_] = stored.get(id_, {})
        return {id_: documents[id_] for id_ in unique_ids}


def _newest(batch: list[Fact]) -> dict[str, Fact]:
    newest: dict[str, Fact] = {}
    for fact in batch:
        if fact.id not in newest or (fact.sequence, fact.at) >= (newest[fact.id].sequence, newest[fact.id].at):
            newest[fact.id] = fact
    return newest
