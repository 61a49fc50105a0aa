"""Queries that store what is to be delivered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from services.chassis.common.ids import new_id
from services.chassis.stores.postgres import PostgresStore, Session
from services.webhooks.models import deliveries

_INSERT: Final = (
    insert(deliveries)
    .on_conflict_do_nothing(
        index_elements=["subscription_id", "event_id"], index_where=deliveries.c.replay_of.is_(None)
    )
    .returning(deliveries.c.subscription_id, deliveries.c.chain)
)
_ADD_CHAIN: Final = text(
    """
    insert into chains (subscription_id, chain, due) values (:subscription_id, :chain, now())
    on conflict (subscription_id, chain) do update set chain = excluded.chain
    """
)
"""The update changes nothing, but locks the row: who delivers the chain's last one sees the new one or waits for it."""


@dataclass(frozen=True)
class NewDelivery:
    """An event to be delivered to a subscription."""

    subscription_id: str
    chain: str
    event_id: str
    type: str
    subject: str
    body: str
    user_id: str | None = None
    """The person concerned."""
    email: str | None = None
    """The address of a guest who is concerned."""
    replay_of: str | None = None


class DeliveryQueue:
    """Stores deliveries in the order of their events."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def add(self, new: Sequence[NewDelivery]) -> int:
        """Store deliveries, in this order; those of an event that came before are left out. Returns their number."""
        if not new:
            return 0
        with self.store.transaction() as session:
            return len(insert_deliveries(session, new))


def insert_deliveries(session: Session, new: Sequence[NewDelivery]) -> list[str]:
    """Store deliveries and their chains; returns the ids.

    Subscriptions that were deleted meanwhile are left out. One statement for each row: positions follow the order.
    """
    existing = _existing(session, {delivery.subscription_id for delivery in new})
    ids, touched = [], set()
    for delivery in new:
        if delivery.subscription_id not in existing:
            continue
        delivery_id = new_id()
        stored = session.execute(_INSERT, asdict(delivery) | {"id": delivery_id})
        if stored.first() is not None:
            ids.append(delivery_id)
            touched.add((delivery.subscription_id, delivery.chain))
    for subscription_id, chain in sorted(touched):
        session.execute(_ADD_CHAIN, {"subscription_id": subscription_id, "chain": chain})
    return ids


def _existing(session: Session, ids: set[str]) -> set[str]:
    query = text("select id from subscriptions where id = any(cast(:ids as uuid[])) order by id for key share")
    return {str(id_) for id_ in session.execute(query, {"ids": list(ids)}).scalars()}


__all__ = ["DeliveryQueue", "NewDelivery", "insert_deliveries"]
