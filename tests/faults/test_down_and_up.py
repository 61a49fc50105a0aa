"""An instance of its own that is killed whole, comes back, and leaves nothing behind when it goes."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.instance import Instance
from tests.support.shop import Client, Reply, new_key, outcome, persistently

NAME = "test-whole"
ADDRESS = {
    "name": "Ada",
    "line1": "1 Road",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}


@pytest.fixture
def other() -> Iterator[Instance]:
    instance = Instance(NAME)
    instance.ultramarket("down", "--wipe")
    yield instance
    instance.ultramarket("down", "--wipe")


@pytest.mark.timeout(1500)
def test_confirmed_orders_survive_killing_everything(other: Instance) -> None:
    other.ultramarket("up")
    environment = json.loads(other.ultramarket("env", "--all", "--json"))
    home = environment["ULTRAMARKET_HOME"]
    placed = [_order(environment["ULTRAMARKET_URL"]) for _ in range(5)]
    assert _processes_of(home)

    for process in _processes_of(home):
        _kill(process)
    other.ultramarket("up")

    for order in placed:
        again = persistently(partial(_read, environment["ULTRAMARKET_URL"], order))
        assert (again.data["status"], again.data["total"]) == ("confirmed", order["total"])
    another = _order(environment["ULTRAMARKET_URL"])
    assert another["number"] > placed[-1]["number"]

    other.ultramarket("down")

    assert _processes_of(home) == []
    assert list(Path(home).rglob("*.pid")) == []
    assert list(Path(home).rglob("*.sock")) == []


def _order(url: str) -> dict[str, str]:
    guest = Client(url)
    product = persistently(lambda: guest("GET", "/products", params={"in_stock": "true", "limit": 1})).data[0]
    sku = persistently(lambda: guest("GET", f"/products/{product['id']}")).data["variants"][0]["sku"]
    added = persistently(lambda: guest.add(sku))
    assert added.status == 201, added
    body = {
        "email": "guest@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
    }
    key = new_key()
    reply = outcome(lambda: guest("POST", "/orders", body, key=key))
    assert (reply.status, reply.data["status"]) == (201, "confirmed"), reply
    return dict(reply.data)


def _read(url: str, order: dict[str, str]) -> Reply:
    return Client(url)("GET", f"/orders/{order['id']}", headers={"X-Order-Key": order["access_key"]})


def _processes_of(home: str) -> list[psutil.Process]:
    """Everything that runs with the instance's folder in its environment."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("ULTRAMARKET_HOME") == home:
                processes.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return processes


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return
