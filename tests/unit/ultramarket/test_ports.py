"""Ports: an instance is a block, and a taken port is named with its owner."""

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


def test_no_port_is_given_twice() -> None:
    offsets = [*PORT_OFFSETS.values(), *ports.SERVER_OFFSETS.values()]

    assert len(set(offsets)) == len(offsets)
    assert max(offsets) < min(ports.SPARE_OFFSETS)


def test_a_taken_port_is_named_with_its_owner(listener: int) -> None:
    assert not ports.is_free(listener)

    taken = ports.PortTaken("orders", listener)

    assert taken.pid == os.getpid()
    assert f"port {listener}, which orders needs, is taken by process {os.getpid()}" in str(taken)


def test_another_instance_gets_a_block_that_nobody_has() -> None:
    block = ports.choose_other(taken_bases=[3100, 3200])

    assert block.base >= 3300
    assert block.base % ports.BLOCK == 0
    assert block.service("gateway") == block.base
    assert block.servers["postgres"] == block.base + 50


def test_a_server_of_dev_steps_aside_when_its_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port not in {3050, 3070})

    block = ports.choose_dev()

    assert block.servers["postgres"] == 3071
    assert block.servers["redis"] == 3051


def test_a_service_of_dev_does_not_step_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != 3004)

    with pytest.raises(ports.PortTaken, match="port 3004, which orders needs"):
        ports.choose_dev()
