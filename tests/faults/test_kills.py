"""Orders survive `kill -9` of any process."""

import random

import pytest

from tests.support.concurrent_customers import ConcurrentCustomers, check_consistency, check_topic
from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop

PROCESSES = ("orders", "auth", "gateway", "bridge", "analytics-consumer")
"""One service of each process: orders runs in `core`, auth in `platform`."""
STOCK = 5000


@pytest.mark.timeout(1500)
def test_orders_survive_kills_of_any_process(shop: Shop, instance: Instance, order_events: Topic) -> None:
    sku = shop.product(stock=STOCK)
    customers = ConcurrentCustomers(shop, sku)
    rng = random.Random()
    killed = {}
    customers.start()

    for process in PROCESSES:
        customers.wait_for(rng.randint(3, 12))
        killed[process] = instance.kill(process)

    customers.wait_for(10)
    outcomes = customers.stop()
    instance.wait_until_healthy()
    assert len(set(killed.values())) == len(PROCESSES), killed
    assert {process for process, pid in killed.items() if instance.pid(process) in (None, pid)} == set()
    assert 500 not in customers.statuses
    check_consistency(shop, sku, STOCK, outcomes)
    check_topic(order_events, sku)
