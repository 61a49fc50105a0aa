"""Orders survive `kill -9` of any process, sessions that of auth."""

import random
from threading import Event, Thread

import pytest

from tests.support.concurrent_customers import ConcurrentCustomers, check_consistency, check_topic
from tests.support.instance import Instance
from tests.support.records import Topic
from tests.support.shop import Client, Reply, Shop, eventually, new_key, persistently

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


class RefreshingClient:
    """A client that exchanges its refresh token again and again, and repeats each request until it has a reply."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stop = Event()
        self._thread = Thread(target=self._refresh)
        account = {"email": f"{new_key()[:12]}@example.com", "password": "correct horse battery"}
        self.replies = [client("POST", "/auth/register", account | {"first_name": "Ada", "last_name": "Byron"})]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, refreshes: int) -> None:
        """Wait for so many more refreshes."""
        count = len(self.replies) + refreshes
        assert eventually(lambda: len(self.replies) >= count or self.replies[-1].status >= 400), self.replies[-1]

    def _refresh(self) -> None:
        while self.replies[-1].status < 400 and not self._stop.wait(0.02):
            body, key = {"refresh_token": self.replies[-1].data["refresh_token"]}, new_key()
            self.replies.append(persistently(lambda body=body, key=key: self._post(body, key)))  # type: ignore[misc]

    def _post(self, body: dict[str, str], key: str) -> Reply:
        return self._client("POST", "/auth/refresh", body, key=key)


def test_sessions_survive_kills_of_auth(shop: Shop, instance: Instance) -> None:
    clients = [RefreshingClient(shop.guest()) for _ in range(4)]
    for client in clients:
        client.start()
    clients[0].wait_for(5)

    instance.kill("auth")

    for client in clients:
        client.wait_for(5)
        client.stop()
    instance.wait_until_healthy()
    assert {client.replies[-1].status for client in clients} == {200}
    for client in clients:
        token = client.replies[-1].data["access_token"]
        assert shop.guest()("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"}).status == 200
