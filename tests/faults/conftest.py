"""Fault tests: processes are killed and servers restarted in the running instance that the environment names."""

from collections.abc import Iterator

import pytest

from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Shop


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
