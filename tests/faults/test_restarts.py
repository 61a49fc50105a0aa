"""Orders survive restarts of every server, and events wait for Kafka."""

import os

import pytest
from pymongo import MongoClient

from tests.faults.conftest import availability_check
from tests.support.concurrent_customers import ConcurrentCustomers, check_consistency, check_topic
from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop
from ultramarket.chaos.run import Run

SERVERS = ("rabbitmq", "postgres", "mongodb", "redis")
"""Those that an order needs; for Kafka see the next test."""
STOCK = 5000


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_orders_survive_restarts_of_their_servers(shop: Shop, instance: Instance, order_events: Topic) -> None:
    sku = shop.product(stock=STOCK)
    customers = ConcurrentCustomers(shop, sku)
    customers.start()

    for server in SERVERS:
        customers.wait_for(15)
        instance.ultramarket("restart", server)

    customers.wait_for(15)
    outcomes = customers.stop()
    instance.wait_until_healthy()
    assert 500 not in customers.statuses
    check_consistency(shop, sku, STOCK, outcomes)
    check_topic(order_events, sku)


@pytest.mark.timeout(1500)
def test_events_wait_while_kafka_is_stopped(shop: Shop, instance: Instance, order_events: Topic, run: Run) -> None:
    sku = shop.product(stock=STOCK)
    customers = ConcurrentCustomers(shop, sku)
    check = availability_check(run)
    instance.ultramarket("stop", "kafka")
    try:
        customers.start()
        instance.wait_until_unready("bridge")
        customers.wait_for(15)
        outcomes = customers.stop()
        check.compare("kafka")
    finally:
        instance.ultramarket("start", "kafka")

    instance.wait_until_healthy()
    assert run.wrong == []
    check_consistency(shop, sku, STOCK, outcomes)
    check_topic(order_events, sku)


def test_restarted_service_applies_pending_migrations(instance: Instance) -> None:
    with MongoClient[dict[str, object]](os.environ["ULTRAMARKET_MONGO_URL"]) as client:
        reviews = client["ultramarket_reviews"]["reviews"]
        reviews.drop_index("by_status")  # a pending migration would create it

        instance.ultramarket("restart", "reviews")

        assert "by_status" in reviews.index_information()
    instance.wait_until_healthy()
