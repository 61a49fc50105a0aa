"""`kill -9` at random points while orders come in."""

import random
import time

import pytest

from tests.support.crowd import Crowd, check_books, check_topic
from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop

VICTIMS = ("orders", "payments", "inventory", "gateway", "bridge")
ORDERS = 300
STOCK = 1000


@pytest.mark.timeout(550)
def test_orders_survive_that_any_process_is_killed(shop: Shop, instance: Instance, order_events: Topic) -> None:
    sku = shop.product(stock=STOCK)
    crowd = Crowd(shop, sku, ORDERS)
    chance = random.Random()
    crowd.start()

    for victim in (*VICTIMS, *VICTIMS):
        time.sleep(chance.uniform(0.5, 2.5))  # a random moment is what is wanted here, not a condition
        instance.kill(victim)

    bought = crowd.results()
    instance.wait_until_healthy()
    assert len(bought) == ORDERS
    assert 500 not in crowd.statuses
    check_books(shop, sku, STOCK, bought)
    check_topic(order_events, sku)


def test_a_killed_service_is_back_by_itself(instance: Instance) -> None:
    before = instance.pid("shipping")

    instance.kill("shipping")

    instance.wait_until_healthy()
    assert instance.pid("shipping") not in (None, before)
