"""Servers of the local stack, one module each."""

from typing import Final

from ultramarket.instance import Instance
from ultramarket.servers.base import Server
from ultramarket.servers.elasticsearch import Elasticsearch
from ultramarket.servers.kafka import Kafka
from ultramarket.servers.mail import Mail
from ultramarket.servers.mongodb import MongoDB
from ultramarket.servers.nginx import Nginx
from ultramarket.servers.postgres import Postgres
from ultramarket.servers.rabbitmq import RabbitMQ
from ultramarket.servers.redis import Redis
from ultramarket.servers.toxiproxy import Toxiproxy

SERVERS: Final[tuple[Server, ...]] = (
    RabbitMQ(),
    Elasticsearch(),
    Kafka(),
    Postgres(),
    MongoDB(),
    Redis(),
    Mail(),
    Nginx(),
)
"""Slowest first: `up` starts them in this order, concurrently."""


def local(instance: Instance) -> list[Server]:
    """The servers that the instance runs itself, and the fault proxy before them where it has one."""
    proxy = [Toxiproxy()] if instance.has_fault_proxy else []
    return [*proxy, *(server for server in SERVERS if not instance.is_external(server.name))]
