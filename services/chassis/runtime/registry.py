"""The names of all processes and the port of each, as an offset from the instance's first port.

One table for the services, the local stack and the docs: nothing else knows a port.
"""

from typing import Final

GATEWAY: Final = "gateway"
BRIDGE: Final = "bridge"
AUDIT: Final = "audit"
ANALYTICS_CONSUMER: Final = "analytics-consumer"
"""Counts the events in Kafka: a process of its own, without Nameko."""

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
"""Those of the way from a product to a paid order."""
PLATFORM_SERVICES: Final = (
    "analytics",
    "reviews",
    "files",
    "audit",
    "search",
    "config",
)
"""What a shop wants around it. Nothing of the journey waits for one of these: each may be away."""
SERVICES: Final = (*JOURNEY_SERVICES, *PLATFORM_SERVICES)
"""All that exist today; the other ports are kept for those that follow."""

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


def port_of(name: str, base: int) -> int:
    """The port where `name` serves its health and metrics (the gateway: its routes) when the block starts at `base`."""
    return base + PORT_OFFSETS[name]
