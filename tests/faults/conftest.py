"""Fault tests: processes are killed and servers restarted in the running instance that the environment names."""

import os
from collections.abc import Iterator

import pytest

from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop
from ultramarket.chaos.availability import AvailabilityCheck
from ultramarket.chaos.products import new_products
from ultramarket.chaos.run import Run
from ultramarket.instance import load


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session")
def instance() -> Instance:
    return Instance()


@pytest.fixture
def order_events(instance: Instance) -> Iterator[Topic]:
    instance.wait_until_healthy()
    topic = Topic("order-events")
    yield topic
    topic.close()
    instance.wait_until_healthy()


@pytest.fixture
def run(instance: Instance) -> Run:
    """A run of the scenarios on the healthy instance."""
    instance.wait_until_healthy()
    return Run("availability", load(os.environ["ULTRAMARKET_INSTANCE"]), seed=1, buyers=1)


def availability_check(run: Run) -> AvailabilityCheck:
    """Compares what works without a server with the table of docs/reliability.md; prepared while all works."""
    [sku] = new_products(run, [10])
    check = AvailabilityCheck(run, sku)
    check.prepare()
    return check
