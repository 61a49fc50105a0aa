"""End-to-end tests over HTTP, on the instance that the environment names (`eval "$(ultramarket env --all)"`)."""

from collections.abc import Iterator

import pytest

from tests.support import contract
from tests.support.existing_customer import ExistingCustomer
from tests.support.records import Topic
from tests.support.shop import Client, Shop


@pytest.fixture(scope="session", autouse=True)
def _check_replies_against_contract() -> Iterator[None]:
    Client.on_reply.append(contract.check)
    yield
    Client.on_reply.remove(contract.check)


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def vendor(shop: Shop) -> Client:
    return shop.member("VENDOR")


@pytest.fixture(scope="module")
def existing_customer(shop: Shop) -> ExistingCustomer:
    return ExistingCustomer(shop)


@pytest.fixture
def unchanged(existing_customer: ExistingCustomer) -> Iterator[ExistingCustomer]:
    """An existing customer whose data must be the same after the test."""
    before = existing_customer.state()
    yield existing_customer
    assert existing_customer.state() == before


@pytest.fixture
def order_events() -> Iterator[Topic]:
    topic = Topic("order-events")
    yield topic
    topic.close()
