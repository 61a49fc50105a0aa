"""Queries on deliveries: lists, tests, replays, erasure."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from sqlalchemy import func, or_, select, text, update

from schemas.api.webhooks import DeliveryQuery
from services.chassis.common.errors import InvalidState, NotFound
from services.chassis.common.ids import is_id
from services.chassis.common.paging import DESCENDING, Keyset, Paging, SortKey
from services.chassis.common.timestamps import rfc3339
from services.chassis.stores.keyset_postgres import paged
from services.chassis.stores.postgres import PostgresStore, Session
from services.webhooks.models import chains, deliveries, subscriptions
from services.webhooks.store.delivery_queue import NewDelivery, insert_deliveries

KEYSET: Final = Keyset("webhook_deliveries", (SortKey("position", DESCENDING, "integer"),))
_ERASE = text(
    """
    update deliveries set body = null, reply_body = null, headers = null, email = null,
        status = case when status = 'pending' then 'dropped' else status end
    where (user_id = cast(:user as uuid) or email = :email) and body is not null
    """
)


class Deliveries:
    """Deliveries of subscriptions whose owner the service has checked."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def list_page(self, subscription_id: str, query: DeliveryQuery) -> dict[str, Any]:
        """A page, the newest first."""
        condition = [deliveries.c.subscription_id == subscription_id]
        if query.status is not None:
            condition.append(deliveries.c.status == query.status)
        paging = Paging.of(query)
        newest = paged(select(deliveries).where(*condition), KEYSET, (deliveries.c.position,), paging)
        with self.store.reading() as connection:
            total = connection.execute(select(func.count()).select_from(deliveries).where(*condition)).scalar_one()
            rows = connection.execute(newest).all()
        page = KEYSET.page(rows, total, paging, lambda last: (last.position,))
        return page | {"items": [_resource(row) for row in page["items"]]}

    def add_test(self, delivery: NewDelivery) -> dict[str, Any]:
        """Store the delivery of a test event. Raises `InvalidState` for an inactive subscription."""
        with self.store.transaction() as session:
            _check_active(session, delivery.subscription_id)
            [delivery_id] = insert_deliveries(session, [delivery])
            return _one(session, delivery.subscription_id, delivery_id)

    def replay(self, subscription_id: str, delivery_id: str) -> dict[str, Any]:
        """Deliver again: a pending one at once, another as a new one at the end of its chain.

        Raises `NotFound`, `InvalidState` for an inactive subscription or a body that was erased.
        """
        with self.store.transaction() as session:
            _check_active(session, subscription_id)
            query = select(deliveries).where(
                deliveries.c.id == delivery_id, deliveries.c.subscription_id == subscription_id
            )
            row = session.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise NotFound("There is no such delivery")
            if row.body is None:
                raise InvalidState("The body was deleted: the person concerned has had their data erased")
            if row.status == "pending":
                session.execute(
                    update(chains)
                    .where(chains.c.subscription_id == subscription_id, chains.c.chain == row.chain)
                    .where(chains.c.lease.is_(None))
                    .values(due=func.now())
                )
                return _resource(row)
            again = NewDelivery(
                subscription_id,
                row.chain,
                row.event_id,
                row.type,
                row.subject,
                row.body,
                row.user_id,
                row.email,
                row.id,
            )
            [replay_id] = insert_deliveries(session, [again])
            return _one(session, subscription_id, replay_id)

    def erase(self, user_id: str, email: str | None) -> None:
        """Delete the bodies of what concerns a person; what is pending is dropped."""
        if is_id(user_id):
            with self.store.autocommit() as connection:
                connection.execute(_ERASE, {"user": user_id, "email": email})

    def of_person(self, user_id: str, email: str | None) -> Iterator[dict[str, Any]]:
        """The deliveries about a person: the events, and when they were sent."""
        concerned = or_(deliveries.c.user_id == user_id, deliveries.c.email == email)
        query = select(deliveries).where(concerned).order_by(deliveries.c.position)
        with self.store.reading() as connection:
            for row in connection.execute(query):
                yield {
                    "type": row.type,
                    "status": row.status,
                    "created_at": rfc3339(row.created_at),
                    "event": orjson.loads(row.body) if row.body else None,
                }


def _check_active(session: Session, subscription_id: str) -> None:
    query = select(subscriptions.c.active).where(subscriptions.c.id == subscription_id)
    if not session.execute(query.with_for_update(key_share=True)).scalar_one_or_none():
        raise InvalidState("The subscription is not active: nothing is delivered")


def _one(session: Session, subscription_id: str, delivery_id: str) -> dict[str, Any]:
    this = (deliveries.c.id == delivery_id, deliveries.c.subscription_id == subscription_id)
    return _resource(session.execute(select(deliveries).where(*this)).one())


def _resource(row: Any) -> dict[str, Any]:
    """A row as `schemas.api.webhooks.WebhookDelivery`."""
    names = ("id", "subscription_id", "event_id", "type", "subject", "status", "attempts", "replay_of", "error")
    times = ("created_at", "last_attempt_at", "delivered_at")
    reply = {"status": row.reply_status, "body": row.reply_body or "", "ms": row.reply_ms or 0}
    return {
        **{name: getattr(row, name) for name in names},
        **{name: rfc3339(value) if (value := getattr(row, name)) is not None else None for name in times},
        "request": {"headers": row.headers or {}, "body": row.body},
        "response": reply if row.reply_status is not None else None,
    }
