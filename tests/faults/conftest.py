"""Faults: processes killed and servers restarted under the running instance that the environment names."""

from collections.abc import Iterator

import pytest

from tests.support.records import Topic
from tests.support.shop import Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture
def order_events() -> Iterator[Topic]:
    topic = Topic("order-events")
    yield topic
    topic.close()
