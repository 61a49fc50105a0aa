"""Orders survive `kill -9` of any process."""

import random

import pytest

from tests.support.concurrent_customers import ConcurrentCustomers, check_consistency, check_topic
from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop

PROCESSES = ("orders", "payments", "inventory", "gateway", "bridge")
STOCK = 5000


@pytest.mark.timeout(1500)
def test_orders_survive_kills_of_any_process(shop: Shop, instance: Instance, order_events: Topic) -> None:
    sku = shop.product(stock=STOCK)
    customers = ConcurrentCustomers(shop, sku)
    rng = random.Random()
    killed = []
    customers.start()

    for process in (*PROCESSES, *PROCESSES):
        customers.wait_for(rng.randint(3, 12))
        killed.append((process, instance.kill(process)))

    customers.wait_for(10)
    outcomes = customers.stop()
    instance.wait_until_healthy()
    assert len({pid for _, pid in killed}) == 2 * len(PROCESSES), killed
    assert 500 not in customers.statuses
    check_consistency(shop, sku, STOCK, outcomes)
    check_topic(order_events, sku)


def test_killed_service_is_started_again(instance: Instance) -> None:
    killed_pid = instance.kill("shipping")

    instance.wait_until_healthy()
    assert instance.pid("shipping") not in (None, killed_pid)
