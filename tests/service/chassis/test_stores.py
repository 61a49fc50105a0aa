"""Stores: transactions, lock timeouts, redaction of values, and migrations."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from schemas.events.orders import OrderStockReleased
from services.chassis.common import driver_errors
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.migrations import steps
from services.chassis.runtime.settings import Settings
from services.chassis.stores import mongo, postgres, redis
from services.chassis.testing import connect_redis
from tests.service.chassis.stores import (
    MongoCounterStore,
    PostgresCounterStore,
    SimulatedCrash,
    mongo_counter_store,
    postgres_counter_store,
)


@pytest.fixture(scope="module")
def postgres_counters() -> Iterator[PostgresCounterStore]:
    with postgres_counter_store() as (store, _):
        yield store


@pytest.fixture(scope="module")
def mongo_counters() -> Iterator[MongoCounterStore]:
    with mongo_counter_store() as (store, _):
        yield store


def test_failed_statement_does_not_log_its_values(postgres_counters: PostgresCounterStore) -> None:
    """The error message is logged, and the value may be a card token."""
    with pytest.raises(SQLAlchemyError) as failed, postgres_counters.transaction() as session:
        session.execute(text("insert into counters values (:id, :n)"), {"id": "tok_hunter2", "n": None})

    assert "[SQL parameters hidden" in str(failed.value)


def test_locked_row_is_waited_for_until_the_lock_timeout(postgres_counters: PostgresCounterStore) -> None:
    postgres_counters.step("locked")

    def update_with_timeout() -> None:
        with postgres_counters.transaction() as session:
            session.execute(text("set local lock_timeout = '200ms'"))
            session.execute(text("update counters set n = 0 where id = 'locked'"))

    with postgres_counters.transaction() as session:
        session.execute(text("select * from counters where id = 'locked' for update"))
        with pytest.raises(SQLAlchemyError) as failed:
            update_with_timeout()

    assert isinstance(driver_errors.as_domain_error(failed.value), ServiceUnavailable)


def test_reading_sees_committed_rows_only(postgres_counters: PostgresCounterStore) -> None:
    def count(subject: str) -> int:
        with postgres_counters.reading() as connection:
            rows = connection.execute(text("select n from counters where id = :id"), {"id": subject})
            return len(rows.all())

    subject = new_id()
    with postgres_counters.transaction() as session:
        session.execute(text("insert into counters values (:id, 1)"), {"id": subject})
        assert count(subject) == 0
    assert count(subject) == 1


def test_mongo_transaction_is_atomic(mongo_counters: MongoCounterStore) -> None:
    subject = new_id()

    def fail_in_transaction() -> None:
        with mongo_counters.transaction() as session:
            mongo_counters.db["beside"].insert_one({"_id": subject}, session=session)
            mongo_counters.emit(session, OrderStockReleased(order_id=subject))
            raise SimulatedCrash

    with pytest.raises(SimulatedCrash):
        fail_in_transaction()
    assert mongo_counters.db["beside"].count_documents({"_id": subject}) == 0
    with mongo_counters.transaction() as session:
        mongo_counters.db["beside"].insert_one({"_id": subject}, session=session)
        mongo_counters.emit(session, OrderStockReleased(order_id=subject))

    assert mongo_counters.db["beside"].count_documents({"_id": subject}) == 1
    assert mongo_counters.db["outbox"].count_documents({"event.subject": subject}) == 1


def test_redis_store_reads_text() -> None:
    with connect_redis("test", redis.RedisStore) as store:
        store.seed()
        store.redis.set("test:key", "é", ex=5)

        assert store.redis.get("test:key") == "é"


def test_concurrent_migrations_run_once() -> None:
    url, schema = os.environ["ULTRAMARKET_POSTGRES_URL"], f"test_orders_{new_id()[-10:]}"
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: steps.upgrade_postgres("orders", url, schema), range(4)))
        store = postgres.open_store(postgres.PostgresStore, url, schema)
        with store.reading() as connection:
            tables = connection.execute(
                text("select table_name from information_schema.tables where table_schema = :schema"),
                {"schema": schema},
            ).scalars()
            assert set(tables) == {
                "alembic_version",
                "idempotency",
                "inbox",
                "order_events",
                "orders",
                "outbox",
                "outbox_for_bridge",
            }
        store.close()
    finally:
        store = postgres.open_store(postgres.PostgresStore, url, "public")
        with store.transaction() as session:
            session.execute(text(f'drop schema if exists "{schema}" cascade'))
        store.close()


@pytest.mark.parametrize("service", ["orders", "shipping"])
def test_migration_state_is_reported(service: str) -> None:
    url = os.environ["ULTRAMARKET_POSTGRES_URL"]
    steps.upgrade_postgres(service, url)
    steps.seed_postgres(service, url)

    assert steps.postgres_is_current(service, url)


def test_mongo_indexes_can_be_created_repeatedly() -> None:
    for _ in range(2):
        steps.prepare_mongo("inventory", os.environ["ULTRAMARKET_MONGO_URL"])

    [store_class] = steps.stores_of("inventory", mongo.MongoStore)
    store = mongo.open_store(store_class, os.environ["ULTRAMARKET_MONGO_URL"], mongo.database_name("inventory"))
    assert "outbox" in store.db["levels"].index_information()
    store.client.close()


@pytest.mark.parametrize(("provider", "store"), [
    (postgres.Postgres, PostgresCounterStore), (mongo.Mongo, MongoCounterStore), (redis.Redis, redis.RedisStore),
])  # fmt: skip
def test_store_is_injected_and_reports_its_health(provider: Any, store: Any) -> None:
    class Container(SimpleNamespace):
        """The parts of Nameko's container that a dependency uses; extensions keep weak references to it."""

        __hash__ = object.__hash__

    spawned: list[Any] = []
    container = Container(
        service_name=f"test{new_id()[-6:]}",
        config={"SETTINGS": Settings()},
        spawn_managed_thread=lambda run, identifier: spawned.append(run),
    )
    dependency = provider(store).bind(container, "store")  # type: ignore[arg-type]
    dependency.setup()
    dependency.start()

    assert isinstance(dependency.get_dependency(None), store)
    dependency.ping()
    assert len(spawned) == (0 if provider is redis.Redis else 1)
    dependency.worker_teardown(None)
    dependency.stop()
    dependency.kill()
