"""Registry of processes: names, and ports as offsets from the instance's first port.

The only table of ports: services, the local stack, compose, chart and docs read it.
"""

from typing import Final

GATEWAY: Final = "gateway"
BRIDGE: Final = "bridge"
AUDIT: Final = "audit"
ANALYTICS_CONSUMER: Final = "analytics-consumer"
"""The Kafka consumer of analytics: a process without Nameko."""

PORT_OFFSETS: Final[dict[str, int]] = {
    GATEWAY: 0,
    "users": 1,
    "auth": 2,
    "products": 3,
    "orders": 4,
    "payments": 5,
    "cart": 6,
    "inventory": 7,
    "shipping": 8,
    "search": 9,
    "notifications": 10,
    "analytics": 11,
    "reviews": 12,
    "files": 13,
    "audit": 14,
    "config": 15,
    BRIDGE: 16,
    ANALYTICS_CONSUMER: 17,
}

JOURNEY_SERVICES: Final = (
    "auth",
    "users",
    "products",
    "inventory",
    "cart",
    "shipping",
    "payments",
    "orders",
    "notifications",
)
"""The services that an order needs."""
PLATFORM_SERVICES: Final = (
    "analytics",
    "reviews",
    "files",
    "audit",
    "search",
    "config",
)
"""The other services; orders can be placed while any of these is down."""
SERVICES: Final = (*JOURNEY_SERVICES, *PLATFORM_SERVICES)
"""All services."""

POSTGRES_SERVICES: Final = (
    "auth",
    "users",
    "shipping",
    "payments",
    "orders",
    "files",
    "audit",
    "config",
)
MONGO_SERVICES: Final = (
    "products",
    "inventory",
    "orders",
    "notifications",
    "analytics",
    "reviews",
)


COMPACT_PROCESSES: Final[dict[str, tuple[str, ...]]] = {
    "core": ("products", "inventory", "cart", "shipping", "payments", "orders"),
    "platform": ("auth", "users", "notifications", "analytics", "reviews", "files", "audit", "search", "config"),
}
"""The layout `compact`: services that share a process, by its name. Each keeps its own port."""

ENTRY_MODULES: Final = {
    GATEWAY: "gateway_flask",
    BRIDGE: "kafka_bridge",
    ANALYTICS_CONSUMER: "services.analytics.consumer",
}
"""What is run with `python -m` for processes that are not Nameko services."""

SERVICE_STORES: Final[dict[str, tuple[str, ...]]] = {
    "auth": ("redis",),
    "cart": ("redis",),
    GATEWAY: ("redis",),
    BRIDGE: ("kafka",),
    ANALYTICS_CONSUMER: ("kafka",),
    "search": ("elasticsearch",),
    "notifications": ("mail",),
}
"""Servers that a service needs besides RabbitMQ, PostgreSQL and MongoDB."""


def port_of(name: str, base: int) -> int:
    """The port where `name` serves its health and metrics (the gateway: its routes) when the block starts at `base`."""
    return base + PORT_OFFSETS[name]
