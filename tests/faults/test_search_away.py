"""The search engine goes and comes back under the running shop."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.instance import Instance
from tests.support.shop import Client, Reply, Shop, eventually


@pytest.fixture(scope="module")
def lipstick(instance: Instance, shop: Shop) -> str:
    """The SKU of the only product that the searches match."""
    instance.wait_until_healthy()
    return shop.product(stock=5, title="Red lipstick")


@pytest.fixture
def warm(instance: Instance, shop: Shop, lipstick: str) -> Iterator[Client]:
    instance.wait_until_healthy()
    guest = shop.guest()
    assert eventually(lambda: not _search(guest).data["degraded"])
    yield guest
    instance.ultramarket("start", "elasticsearch")
    instance.wait_until_healthy()


def _search(guest: Client) -> Reply:
    return guest("GET", "/search", params={"q": "red lipstick", "max_price": 100_000})


def test_without_its_engine_search_answers_from_the_catalogue(
    warm: Client, instance: Instance, shop: Shop, lipstick: str
) -> None:
    instance.ultramarket("stop", "elasticsearch")

    for _ in range(8):
        reply = _search(warm)
        assert reply.data["degraded"], reply
        assert [(item["slug"], item["sku"]) for item in reply.data["items"]] == [("red-lipstick", lipstick)]
    assert warm("GET", "/search/suggest", params={"q": "lip"}).data == {"products": [], "categories": [], "queries": []}
    assert warm.add(shop.product(stock=1)).status == 201


def test_what_happened_meanwhile_is_found_when_it_is_back(warm: Client, instance: Instance, shop: Shop) -> None:
    instance.ultramarket("stop", "elasticsearch")
    sku = shop.product(stock=5, title="Zanzibar lantern")

    instance.ultramarket("start", "elasticsearch")

    def found() -> bool:
        reply = warm("GET", "/search", params={"q": sku, "in_stock": "true"})
        return not reply.data["degraded"] and [item["sku"] for item in reply.data["items"]] == [sku]

    assert eventually(found, every=0.25)


def test_engine_that_hangs_does_not_make_searches_hang(warm: Client, instance: Instance) -> None:
    pid = instance.pid("elasticsearch")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        replies = [_search(warm) for _ in range(25)]
    finally:
        os.kill(pid, signal.SIGCONT)

    assert [reply.data["degraded"] for reply in replies] == [True] * 25
    assert eventually(lambda: not _search(warm).data["degraded"])
