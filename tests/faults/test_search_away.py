"""Search without its engine: the catalogue replies instead, and the index catches up afterwards."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.faults.conftest import availability_check
from tests.support.instance import Instance
from tests.support.shop import Client, Reply, Shop, eventually
from ultramarket.chaos.run import Run


@pytest.fixture(scope="module")
def lipstick(instance: Instance, shop: Shop) -> str:
    """The SKU of the only product that the searches match."""
    instance.wait_until_healthy()
    return shop.product(stock=5, title="Red lipstick")


@pytest.fixture
def guest(instance: Instance, shop: Shop, lipstick: str) -> Iterator[Client]:
    instance.wait_until_healthy()
    guest = shop.guest()
    assert eventually(lambda: not _search(guest).data["degraded"])
    yield guest
    instance.ultramarket("start", "elasticsearch")
    instance.wait_until_healthy()


def _search(guest: Client, number: int = 0) -> Reply:
    """Search; each number is a query of its own, which no cache has a reply to."""
    return guest("GET", "/search", params={"q": "red lipstick", "max_price": 100_000 + number})


def test_search_falls_back_and_catches_up(
    guest: Client, instance: Instance, shop: Shop, lipstick: str, run: Run
) -> None:
    check = availability_check(run)
    instance.ultramarket("stop", "elasticsearch")

    for _ in range(8):
        reply = _search(guest)
        assert reply.data["degraded"], reply
        assert [(item["slug"], item["sku"]) for item in reply.data["items"]] == [("red-lipstick", lipstick)]
    assert guest("GET", "/search/suggest", params={"q": "lip"}).data == {
        "products": [],
        "categories": [],
        "queries": [],
    }
    assert guest.add(shop.product(stock=1)).status == 201
    check.compare("elasticsearch")
    assert run.wrong == []
    sku = shop.product(stock=5, title="Zanzibar lantern")

    instance.ultramarket("start", "elasticsearch")

    def is_found() -> bool:
        reply = guest("GET", "/search", params={"q": sku, "in_stock": "true"})
        return not reply.data["degraded"] and [item["sku"] for item in reply.data["items"]] == [sku]

    assert eventually(is_found, every=0.25)


def test_hanging_engine_does_not_block_searches(guest: Client, instance: Instance) -> None:
    pid = instance.pid("elasticsearch")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        replies = [_search(guest, number) for number in range(1, 26)]
    finally:
        os.kill(pid, signal.SIGCONT)

    assert [reply.data["degraded"] for reply in replies] == [True] * 25
    assert eventually(lambda: not _search(guest).data["degraded"])
