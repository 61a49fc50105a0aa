"""The whole instance is killed and comes back with a process for each service; in the end it is stopped and leaves
nothing behind. Runs last.
"""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.instance import Instance
from tests.support.shop import Reply, Shop, new_key, outcome, persistently


@pytest.mark.timeout(1500)
def test_confirmed_orders_survive_killing_everything(shop: Shop, instance: Instance) -> None:
    home = os.environ["ULTRAMARKET_HOME"]
    sku = shop.product(stock=20)
    placed = [_order(shop, sku) for _ in range(5)]
    assert _processes_of(home)

    for process in _processes_of(home):
        _kill(process)
    instance.ultramarket("up", "--no-seed", "--layout", "separate")

    for order in placed:
        again = persistently(partial(_read, shop, order))
        assert (again.data["status"], again.data["total"]) == ("confirmed", order["total"])
    assert shop.settled_level(sku) == (15, 0, 15)
    another = _order(shop, sku)
    assert another["number"] > placed[-1]["number"]


@pytest.mark.timeout(600)
def test_nothing_is_left_after_down(instance: Instance) -> None:
    home = os.environ["ULTRAMARKET_HOME"]

    instance.ultramarket("down")

    assert _processes_of(home) == []
    assert list(Path(home).rglob("*.pid")) == []
    assert list(Path(home).rglob("*.sock")) == []


def _order(shop: Shop, sku: str) -> dict[str, Any]:
    guest, key = shop.guest(), new_key()
    added = persistently(lambda: guest.add(sku))
    assert added.status == 201, added
    reply = outcome(lambda: guest.order(key=key))
    assert (reply.status, reply.data["status"]) == (201, "confirmed"), reply
    return dict(reply.data)


def _read(shop: Shop, order: dict[str, Any]) -> Reply:
    return shop.guest()("GET", f"/orders/{order['id']}", headers={"X-Order-Key": order["access_key"]})


def _processes_of(home: str) -> list[psutil.Process]:
    """Everything that runs with the instance's folder in its environment, and nginx, which overwrites its own."""
    processes = []
    for process in psutil.process_iter():
        try:
            of_nginx = process.name() == "nginx" and process.cwd() == f"{home}/nginx"
            if of_nginx or (process.pid != os.getpid() and process.environ().get("ULTRAMARKET_HOME") == home):
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
