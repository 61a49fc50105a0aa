"""End to end: through HTTP, on the instance that the environment names (`eval "$(ultramarket env --all)"`)."""

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
