"""Migrations of payments that were made before attempts and the ledger."""

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text

from services.chassis.common.ids import new_id
from services.chassis.migrations import steps
from services.chassis.runtime.settings import Settings
from services.chassis.stores import postgres, tables


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection to a schema with the tables as of revision 0002; the schema is dropped at the end."""
    schema = f"test_payments_{new_id().replace('-', '')[-12:]}"
    engine = create_engine(postgres.service_url(Settings().postgres_url, schema))
    with engine.connect() as opened:
        transaction = opened.begin()
        opened.execute(text(f'create schema "{schema}"'))
        tables.metadata.create_all(opened)
        migrate(opened, "0002")
        yield opened
        transaction.rollback()
    engine.dispose()


def migrate(connection: Connection, revision: str) -> None:
    config = steps._alembic("payments")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def insert_payment(connection: Connection, status: str, captured: int = 0, refunded: int = 0) -> str:
    payment_id = new_id()
    statement = text(
        "insert into payments (id, order_id, provider, status, amount, currency, captured, refunded) "
        "values (:id, :id, 'sandbox', :status, 1000, 'USD', :captured, :refunded)"
    )
    values = {"id": payment_id, "status": status, "captured": captured, "refunded": refunded}
    connection.execute(statement, values)
    return payment_id


def test_earlier_captures_and_refunds_are_posted(connection: Connection) -> None:
    insert_payment(connection, "authorized")
    insert_payment(connection, "captured", 1000)
    insert_payment(connection, "partially_refunded", 1000, 400)

    migrate(connection, "head")

    sums = text("select account, sum(debit - credit)::bigint from ledger_postings group by account order by account")
    assert [tuple(row) for row in connection.execute(sums)] == [
        ("customer_receivable", 0),
        ("provider_clearing", 1600),
        ("refunds", 400),
        ("revenue", -2000),
    ]


def test_earlier_open_operations_become_attempts(connection: Connection) -> None:
    processing, refunding = insert_payment(connection, "processing"), insert_payment(connection, "captured", 1000)
    refund_id = new_id()
    connection.execute(
        text("insert into refunds (id, payment_id, amount, status) values (:id, :payment, 300, 'pending')"),
        {"id": refund_id, "payment": refunding},
    )

    migrate(connection, "head")

    rows = connection.execute(text("select payment_id::text, kind, key, amount, status from attempts order by kind"))
    assert [tuple(row) for row in rows] == [
        (processing, "authorise", processing, 1000, "pending"),
        (refunding, "refund", refund_id, 300, "pending"),
    ]


def test_migrations_can_be_taken_back(connection: Connection) -> None:
    migrate(connection, "head")
    config = steps._alembic("payments")
    config.attributes["connection"] = connection

    command.downgrade(config, "0002")
    migrate(connection, "head")

    assert connection.execute(text("select count(*) from ledger_entries")).scalar_one() == 0
