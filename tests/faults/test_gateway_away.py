"""nginx without the gateway, and a killed nginx: clients get replies that they understand, or a new nginx."""

from functools import partial

from tests.support.instance import Instance
from tests.support.shop import Shop, persistently


def test_stopped_gateway_is_unavailable(shop: Shop, instance: Instance) -> None:
    instance.wait_until_healthy()
    instance.ultramarket("stop", "gateway")
    try:
        replies = [shop.guest()("GET", "/products"), shop.guest()("POST", "/cart/items", {"sku": "x", "quantity": 1})]
    finally:
        instance.ultramarket("start", "gateway")

    assert [(reply.status, reply.code) for reply in replies] == [(503, "SERVICE_UNAVAILABLE")] * 2
    assert [reply.headers["Retry-After"] for reply in replies] == ["2"] * 2
    assert persistently(partial(shop.guest(), "GET", "/products")).status == 200


def test_killed_nginx_is_replaced_though_its_worker_lives(shop: Shop, instance: Instance) -> None:
    pid = instance.kill("nginx")

    instance.wait_until_healthy()

    assert instance.pid("nginx") not in (None, pid)
    assert persistently(partial(shop.guest(), "GET", "/products")).status == 200
