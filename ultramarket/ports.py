"""Which port belongs to whom: an instance is a block of a hundred, the servers stand behind the services."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psutil

from services.chassis.runtime.registry import PORT_OFFSETS

DEV_BASE: Final = 3000
BLOCK: Final = 100
LAST_BASE: Final = 32000
"""Above it the kernel hands out ports by itself."""

SERVER_OFFSETS: Final[dict[str, int]] = {
    "postgres": 50,
    "redis": 51,
    "rabbitmq": 52,
    "rabbitmq_dist": 53,
    "epmd": 54,
    "mongodb": 55,
    "kafka": 56,
    "kafka_controller": 57,
    "mail": 58,
    "elasticsearch": 60,
    "elasticsearch_transport": 61,
}
SPARE_OFFSETS: Final = range(70, BLOCK)
"""Where a server goes whose own port was taken by somebody else when the instance was made."""


class PortTaken(Exception):
    """A port that we need belongs to a process that isn't ours."""

    def __init__(self, what: str, port: int) -> None:
        self.what, self.port, self.pid = what, port, owner_of(port)
        who = f"process {self.pid} ({_command(self.pid)})" if self.pid else "another user's process"
        super().__init__(f"port {port}, which {what} needs, is taken by {who}")


@dataclass(frozen=True)
class Block:
    """The ports of one instance: `base` for the gateway and the services, `servers` by name."""

    base: int
    servers: dict[str, int]

    def service(self, name: str) -> int:
        return self.base + PORT_OFFSETS[name]


def grown(block: Block) -> Block:
    """A block that was chosen before some server existed, with that server's usual port."""
    usual = {name: block.base + offset for name, offset in SERVER_OFFSETS.items()}
    return Block(block.base, usual | block.servers)


def is_free(port: int) -> bool:
    """Whether a server of ours could listen here. SO_REUSEADDR, since sockets in TIME_WAIT are no obstacle."""
    for host in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def owner_of(port: int) -> int | None:
    """The pid that listens on `port`; None where the kernel doesn't tell us (another user's process)."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return connection.pid
    return None


def choose_dev() -> Block:
    """The block that the docs name: the services' ports are fixed, a server steps aside.

    Raises `PortTaken` for a service's port.
    """
    for name, offset in PORT_OFFSETS.items():
        if not is_free(DEV_BASE + offset):
            raise PortTaken(name, DEV_BASE + offset)
    spare = (DEV_BASE + offset for offset in SPARE_OFFSETS if is_free(DEV_BASE + offset))
    servers = {}
    for name, offset in SERVER_OFFSETS.items():
        port = DEV_BASE + offset
        servers[name] = port if is_free(port) else next(spare)
    return Block(DEV_BASE, servers)


def choose_other(taken_bases: Iterable[int]) -> Block:
    """The first block that is free as a whole and that no other instance has."""
    avoid = {DEV_BASE, *taken_bases}
    for base in range(DEV_BASE + BLOCK, LAST_BASE, BLOCK):
        if base in avoid:
            continue
        offsets = (*PORT_OFFSETS.values(), *SERVER_OFFSETS.values())
        if all(is_free(base + offset) for offset in offsets):
            return Block(base, {name: base + offset for name, offset in SERVER_OFFSETS.items()})
    raise RuntimeError("no block of a hundred free ports between 3100 and 32000")


def _command(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "gone meanwhile"
