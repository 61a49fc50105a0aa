"""Servers that go away in the middle of orders and come back."""

import os

import pytest
from pymongo import MongoClient

from tests.support.crowd import Crowd, check_books, check_topic
from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop, eventually

ORDERS = 100
STOCK = 500


@pytest.mark.timeout(500)
@pytest.mark.parametrize("server", ["rabbitmq", "postgres", "mongodb", "redis", "kafka"])
def test_orders_survive_that_a_server_is_restarted(
    shop: Shop, instance: Instance, order_events: Topic, server: str
) -> None:
    sku = shop.product(stock=STOCK)
    crowd = Crowd(shop, sku, ORDERS)
    crowd.start()
    crowd.wait_until(ORDERS // 4)

    instance.ultramarket("restart", server)

    bought = crowd.results()
    instance.wait_until_healthy()
    assert len(bought) == ORDERS
    assert 500 not in crowd.statuses
    check_books(shop, sku, STOCK, bought)
    check_topic(order_events, sku)


@pytest.mark.timeout(500)
def test_events_wait_while_kafka_is_away(shop: Shop, instance: Instance, order_events: Topic) -> None:
    sku = shop.product(stock=STOCK)
    instance.ultramarket("stop", "kafka")
    try:
        crowd = Crowd(shop, sku, 30)
        crowd.start()
        bought = crowd.results()
        assert {each.status for each in bought} == {"confirmed"}
        # long enough for every time-out between the bridge and Kafka to have run out once
        assert not eventually(lambda: False, 20, every=1)
    finally:
        instance.ultramarket("start", "kafka")

    instance.wait_until_healthy()
    check_books(shop, sku, STOCK, bought)
    check_topic(order_events, sku)


def test_a_restarted_service_finds_its_store_as_its_code_wants_it(instance: Instance) -> None:
    with MongoClient[dict[str, object]](os.environ["ULTRAMARKET_MONGO_URL"]) as client:
        reviews = client["ultramarket_reviews"]["reviews"]
        reviews.drop_index("by_status")  # what a pending migration would bring

        instance.ultramarket("restart", "reviews")

        assert "by_status" in reviews.index_information()
    instance.wait_until_healthy()
