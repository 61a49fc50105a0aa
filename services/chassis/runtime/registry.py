"""Registry of processes: names, ports, processes and stores of all services.

The only list of services: the local stack, layouts, migrations, health checks and documentation read it. Compose and
the chart are checked against it by a test; `ultramarket new service` adds a row here and theirs.
"""

from dataclasses import dataclass
from typing import Final, Literal

GATEWAY: Final = "gateway"
GATEWAY_WS: Final = "gateway-ws"
"""GraphQL subscriptions over WebSocket."""
BRIDGE: Final = "bridge"
CORE: Final = "core"
AUDIT: Final = "audit"
AUTH: Final = "auth"
CART: Final = "cart"
ANALYTICS: Final = "analytics"
ANALYTICS_CONSUMER: Final = "analytics-consumer"
"""The Kafka consumer of analytics: a process without Nameko."""

Store = Literal["postgres", "mongo", "redis", "elasticsearch", "mail", "kafka"]


@dataclass(frozen=True)
class Entry:
    """A service: its port as an offset from the instance's first port, its process in the layout `compact`, its stores.

    `for_orders`: an order needs it; orders can be placed while any other service is down.
    """

    name: str
    port: int
    process: Literal["core", "platform"]
    stores: tuple[Store, ...] = ()
    for_orders: bool = False


REGISTRY: Final = (
    Entry("auth", 2, "platform", ("postgres", "redis"), for_orders=True),
    Entry("users", 1, "platform", ("postgres",), for_orders=True),
    Entry("products", 3, "core", ("mongo",), for_orders=True),
    Entry("inventory", 7, "core", ("mongo",), for_orders=True),
    Entry("cart", 6, "core", ("redis",), for_orders=True),
    Entry("shipping", 8, "core", ("postgres",), for_orders=True),
    Entry("payments", 5, "core", ("postgres",), for_orders=True),
    Entry("orders", 4, "core", ("postgres", "mongo"), for_orders=True),
    Entry("notifications", 10, "platform", ("mongo", "mail"), for_orders=True),
    Entry("analytics", 11, "platform", ("mongo", "kafka")),
    Entry("reviews", 12, "platform", ("mongo",)),
    Entry("files", 13, "platform", ("postgres",)),
    Entry("audit", 14, "platform", ("postgres",)),
    Entry("search", 9, "platform", ("elasticsearch",)),
    Entry("config", 15, "platform", ("postgres",)),
    Entry("webhooks", 18, "platform", ("postgres",)),
)

SERVICES: Final = tuple(entry.name for entry in REGISTRY)
JOURNEY_SERVICES: Final = tuple(entry.name for entry in REGISTRY if entry.for_orders)
"""The services that an order needs."""
PLATFORM_SERVICES: Final = tuple(entry.name for entry in REGISTRY if not entry.for_orders)
"""The other services; orders can be placed while any of these is down."""
POSTGRES_SERVICES: Final = tuple(entry.name for entry in REGISTRY if "postgres" in entry.stores)
MONGO_SERVICES: Final = tuple(entry.name for entry in REGISTRY if "mongo" in entry.stores)

PORT_OFFSETS: Final[dict[str, int]] = {
    GATEWAY: 48,  # behind nginx, which has the first port
    GATEWAY_WS: 47,
    **{entry.name: entry.port for entry in REGISTRY},
    BRIDGE: 16,
    ANALYTICS_CONSUMER: 17,
}

COMPACT_PROCESSES: Final[dict[str, tuple[str, ...]]] = {
    process: tuple(entry.name for entry in REGISTRY if entry.process == process) for process in ("core", "platform")
}
"""The layout `compact`: services that share a process, by its name. Each keeps its own port."""

ENTRY_MODULES: Final = {
    GATEWAY: "gateway_flask",
    GATEWAY_WS: "gateway_flask.subscriptions",
    BRIDGE: "kafka_bridge",
    ANALYTICS_CONSUMER: "services.analytics.consumer",
}
"""What is run with `python -m` for processes that are not Nameko services."""

SERVICE_STORES: Final[dict[str, tuple[str, ...]]] = {
    **{entry.name: tuple(store for store in entry.stores if store not in ("postgres", "mongo")) for entry in REGISTRY},
    GATEWAY: ("redis",),
    GATEWAY_WS: ("redis",),
    BRIDGE: ("kafka",),
    ANALYTICS_CONSUMER: ("kafka",),
}
"""Servers that a service needs besides RabbitMQ, PostgreSQL and MongoDB."""


REDIS_KEYS: Final[dict[str, tuple[str, ...]]] = {
    CART: ("cart:",),
    GATEWAY: ("gateway:", "LIMITS:"),
    GATEWAY_WS: ("gateway:graphql:", "LIMITS:"),
    AUTH: ("auth:",),
}
"""The prefixes of each service's keys and channels in Redis; it can use no others."""
REDIS_READ: Final[dict[str, tuple[str, ...]]] = {
    GATEWAY: ("auth:revoked",),
    GATEWAY_WS: ("auth:revoked",),
}
"""Prefixes of other services' keys that a service may read, and channels that it may follow."""


def stores_of(name: str) -> tuple[str, ...]:
    """All stores that a service or process uses, besides RabbitMQ."""
    own = {ANALYTICS_CONSUMER: ("mongo", "kafka"), **{entry.name: entry.stores for entry in REGISTRY}}
    return own.get(name) or SERVICE_STORES[name]


def port_of(name: str, base: int) -> int:
    """The port of health and metrics of `name`, and of the gateway's routes, when the block starts at `base`."""
    return base + PORT_OFFSETS[name]
