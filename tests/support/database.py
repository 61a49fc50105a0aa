"""Direct database queries on the running instance, bypassing the services."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2


@contextmanager
def _cursor(schema: str) -> Iterator[Any]:
    connection = psycopg2.connect(os.environ["ULTRAMARKET_POSTGRES_URL"], options=f"-csearch_path={schema}")
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def payments_of(order_ids: list[str]) -> list[tuple[str, str, int, int]]:
    """(order, status, captured, refunded) of every payment of these orders, from the payments service's tables."""
    with _cursor("payments") as cursor:
        cursor.execute(
            "select order_id::text, status, captured, refunded from payments where order_id = any(%s::uuid[])",
            (order_ids,),
        )
        return list(cursor.fetchall())


def bank_charges_of(order_ids: list[str]) -> list[tuple[str, str, int, int]]:
    """(order, status, captured, refunded) of these orders' charges at the sandbox payment provider."""
    with _cursor("payments") as cursor:
        cursor.execute(
            "select p.order_id::text, c.status, c.captured, c.refunded"
            " from sandbox_charges c join payments p on p.reference = c.id where p.order_id = any(%s::uuid[])",
            (order_ids,),
        )
        return list(cursor.fetchall())


def orphaned_charges() -> int:
    """The number of provider charges that hold money but belong to no payment."""
    with _cursor("payments") as cursor:
        cursor.execute(
            "select count(*) from sandbox_charges c left join payments p on p.reference = c.id"
            " where p.id is null and c.captured > c.refunded"
        )
        return int(cursor.fetchone()[0])


def orders_with(sku: str) -> list[tuple[str, str, int]]:
    """(order, status, version) of every order that was placed for this SKU."""
    with _cursor("orders") as cursor:
        cursor.execute(
            "select o.id::text, o.status, o.version from orders o join order_events e on e.order_id = o.id"
            " where e.version = 1 and e.body like %s",
            (f'%"{sku}"%',),
        )
        return list(cursor.fetchall())


def unfinished_sagas() -> int:
    """The number of orders whose saga has steps left."""
    with _cursor("orders") as cursor:
        cursor.execute("select count(*) from orders where saga_due is not null and status <> 'awaiting_payment'")
        return int(cursor.fetchone()[0])
