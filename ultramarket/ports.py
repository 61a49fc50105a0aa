"""Ports of an instance: a block of a hundred: nginx, the services, and the other servers from offset 50."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psutil

from services.chassis.runtime.registry import COMPACT_PROCESSES, CORE, PORT_OFFSETS

DEV_BASE: Final = 3000
BLOCK: Final = 100
SECOND_CORE_PORTS: Final = 20
"""Offset of the ports of the second core process from those of the first."""
LAST_BASE: Final = 32000
"""The kernel's ephemeral ports begin above it."""

SERVER_OFFSETS: Final[dict[str, int]] = {
    "nginx": 0,
    "nginx_tls": 49,
    "postgres": 50,
    "redis": 51,
    "rabbitmq": 52,
    "rabbitmq_dist": 53,
    "epmd": 54,
    "mongodb": 55,
    "kafka": 56,
    "kafka_controller": 57,
    "mail": 58,
    "kafka_sasl": 59,
    "elasticsearch": 60,
    "elasticsearch_transport": 61,
    "toxiproxy": 62,
    "proxied_postgres": 63,
    "proxied_rabbitmq": 64,
    "proxied_redis": 65,
    "proxied_mongodb": 66,
    "proxied_kafka": 67,
    "proxied_elasticsearch": 68,
    "proxied_provider": 69,
}
SPARE_OFFSETS: Final = range(70, BLOCK)
"""For a server whose usual port was taken when the instance was created."""


class PortTaken(Exception):
    """A port that we need is used by a process that is not ours."""

    def __init__(self, what: str, port: int) -> None:
        self.what, self.port, self.pid = what, port, owner_of(port)
        who = f"process {self.pid} ({_command(self.pid)})" if self.pid else "another user's process"
        super().__init__(f"port {port}, which {what} needs, is taken by {who}")


@dataclass(frozen=True)
class Block:
    """The ports of one instance: `base` for the services, `servers` by name."""

    base: int
    servers: dict[str, int]

    def service(self, name: str) -> int:
        return self.base + PORT_OFFSETS[name]


def with_missing_ports(block: Block) -> Block:
    """A saved block, with the usual ports of servers that were added since."""
    usual_ports = {name: block.base + offset for name, offset in SERVER_OFFSETS.items()}
    return Block(block.base, usual_ports | block.servers)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port. SO_REUSEADDR, since sockets in TIME_WAIT do not prevent that."""
    for host in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def owner_of(port: int) -> int | None:
    """The pid that listens on `port`; None for another user's process."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return connection.pid
    return None


def choose_dev() -> Block:
    """The block from 3000 as documented: services have fixed ports, a server whose port is taken gets a spare one.

    Raises `PortTaken` for a service's port, and for that of the shop.
    """
    for name, offset in {"nginx": SERVER_OFFSETS["nginx"], **PORT_OFFSETS}.items():
        if not is_free(DEV_BASE + offset):
            raise PortTaken(name, DEV_BASE + offset)
    spare = (DEV_BASE + offset for offset in SPARE_OFFSETS if is_free(DEV_BASE + offset))
    servers = {}
    for name, offset in SERVER_OFFSETS.items():
        port = DEV_BASE + offset
        servers[name] = port if is_free(port) else next(spare)
    return Block(DEV_BASE, servers)


def choose_other(taken_bases: Iterable[int]) -> Block:
    """The first block whose ports are all free and that no other instance has."""
    avoid = {DEV_BASE, *taken_bases}
    for base in range(DEV_BASE + BLOCK, LAST_BASE, BLOCK):
        if base in avoid:
            continue
        second_core = (SECOND_CORE_PORTS + PORT_OFFSETS[name] for name in COMPACT_PROCESSES[CORE])
        offsets = (*PORT_OFFSETS.values(), *second_core, *SERVER_OFFSETS.values())
        if all(is_free(base + offset) for offset in offsets):
            return Block(base, {name: base + offset for name, offset in SERVER_OFFSETS.items()})
    raise RuntimeError("no block of a hundred free ports between 3100 and 32000")


def _command(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "ended meanwhile"
