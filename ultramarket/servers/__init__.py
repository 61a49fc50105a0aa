"""The real servers that the services stand on, each in a room of its own."""

from typing import Final

from ultramarket.instance import Instance
from ultramarket.servers.base import Server
from ultramarket.servers.elasticsearch import Elasticsearch
from ultramarket.servers.kafka import Kafka
from ultramarket.servers.mail import Mail
from ultramarket.servers.mongodb import MongoDB
from ultramarket.servers.postgres import Postgres
from ultramarket.servers.rabbitmq import RabbitMQ
from ultramarket.servers.redis import Redis

SERVERS: Final[tuple[Server, ...]] = (RabbitMQ(), Elasticsearch(), Kafka(), Postgres(), MongoDB(), Redis(), Mail())
"""Slowest first: `up` starts them in this order, side by side."""


def local(instance: Instance) -> list[Server]:
    """Those that this instance runs by itself."""
    return [server for server in SERVERS if server.name not in instance.external]
