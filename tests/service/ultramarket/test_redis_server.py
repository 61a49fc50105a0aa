"""Redis as `up` configures it, started on its own."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from tests.service.chassis.conftest import free_port
from tests.unit.ultramarket.test_programs import instance as new_instance
from ultramarket.instance import Instance
from ultramarket.ports import Block
from ultramarket.server_urls import local_url
from ultramarket.servers.redis import Redis


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    one = new_instance()
    return replace(one, folder=tmp_path, block=Block(one.block.base, one.block.servers | {"redis": free_port()}))


@pytest.fixture
def start(instance: Instance) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        Redis().prepare(instance)
        [program] = Redis().programs(instance)
        started.append(subprocess.Popen(program.command, stdout=subprocess.DEVNULL))
        end = time.monotonic() + 10
        while not Redis().is_ready(instance) and time.monotonic() < end:
            time.sleep(0.02)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_transactions_survive_a_restart(start: Callable[[], subprocess.Popen[bytes]], instance: Instance) -> None:
    """Redis reads its file as the default user: without rights, it would drop them."""
    url = local_url("redis", instance.block, instance.secrets, "cart")
    server = start()
    with redis.Redis.from_url(url).pipeline(transaction=True) as steps:
        steps.set("cart:1", "mug").set("cart:2", "lamp").execute()
    server.terminate()
    server.wait()

    start()

    assert redis.Redis.from_url(url).mget("cart:1", "cart:2") == [b"mug", b"lamp"]
