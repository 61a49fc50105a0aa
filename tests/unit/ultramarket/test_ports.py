"""Port blocks of instances, and ports that are taken."""

import os
import socket
from collections.abc import Iterator

import pytest

from services.chassis.runtime.registry import PORT_OFFSETS
from ultramarket import ports


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_port_offsets_are_unique() -> None:
    offsets = [*PORT_OFFSETS.values(), *ports.SERVER_OFFSETS.values()]

    assert len(set(offsets)) == len(offsets)
    assert max(offsets) < min(ports.SPARE_OFFSETS)


def test_taken_port_names_its_owner(listener: int) -> None:
    assert not ports.is_free(listener)

    taken = ports.PortTaken("orders", listener)

    assert taken.pid == os.getpid()
    assert f"port {listener}, which orders needs, is taken by process {os.getpid()}" in str(taken)


def test_new_instance_gets_an_unused_block() -> None:
    block = ports.choose_other(taken_bases=[3100, 3200])

    assert block.base >= 3300
    assert block.base % ports.BLOCK == 0
    assert block.servers["nginx"] == block.base
    assert block.service("gateway") == block.base + 48
    assert block.servers["postgres"] == block.base + 50


def test_dev_server_gets_spare_port_when_its_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port not in {3050, 3070})

    block = ports.choose_dev()

    assert block.servers["postgres"] == 3071
    assert block.servers["redis"] == 3051


def test_dev_service_port_that_is_taken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != 3004)

    with pytest.raises(ports.PortTaken, match="port 3004, which orders needs"):
        ports.choose_dev()
