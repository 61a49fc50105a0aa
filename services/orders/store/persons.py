"""Queries on the orders of a person, and the removal of the person from their events."""

from typing import Any

import orjson
from sqlalchemy import bindparam, select, update

from services.chassis.messaging.transport import dumps
from services.chassis.stores.postgres import PostgresStore
from services.orders.domain.erasure import without_person
from services.orders.models import order_events, orders

_BODIES = (
    select(order_events.c.version, order_events.c.body)
    .where(order_events.c.order_id == bindparam("order"))
    .with_for_update()
)
_REPLACE = (
    update(order_events)
    .where(order_events.c.order_id == bindparam("order"), order_events.c.version == bindparam("at_version"))
    .values(body=bindparam("new_body"))
)


class PersonQueries(PostgresStore):
    """Orders by their customer's account."""

    def orders_of_user(self, user_id: str) -> list[str]:
        """The ids of an account's orders, the oldest first."""
        query = select(orders.c.id).where(orders.c.user_id == user_id).order_by(orders.c.id)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def remove_person(self, order_id: str, email: str, name: str) -> bool:
        """Replace the person in the order's events; whether anything was left of them. Idempotent.

        Versions and times stay, so that running sagas go on; events that are not published yet are published so.
        """
        with self.transaction() as session:
            changed: list[dict[str, Any]] = []
            for version, body in session.execute(_BODIES, {"order": order_id}):
                envelope = orjson.loads(body)
                erased = without_person(envelope, email, name)
                if erased != envelope:
                    changed.append({"order": order_id, "at_version": version, "new_body": dumps(erased).decode()})
            if changed:
                session.execute(_REPLACE, changed)
            session.execute(update(orders).where(orders.c.id == order_id).values(customer=None, client=None))
        return bool(changed)
