"""Redis: nameko-redis's client with time-outs and health."""

from typing import Any, Generic, TypeVar

import redis
from nameko_redis import REDIS_URIS_KEY
from nameko_redis import Redis as NamekoRedis

from services.chassis.runtime.settings import Settings, load

S = TypeVar("S", bound="RedisStore")

CLIENT_OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "health_check_interval": 15,
}


class RedisStore:
    """The base of a store in Redis: `self.redis`, replies decoded as text."""

    def __init__(self, client: "redis.Redis") -> None:
        self.redis = client

    def seed(self) -> None:
        """Initial data of a new installation: none in Redis."""


class Redis(NamekoRedis, Generic[S]):
    """Gives each worker the store.

    A store with settings of its own gets them as its second argument: `Redis(CartStore, CartSettings)`.
    """

    kind = "redis"

    def __init__(self, store_class: type[S], settings_class: type[Settings] | None = None) -> None:
        super().__init__(store_class.__name__, **CLIENT_OPTIONS)
        self.store_class: Any = store_class
        self.settings_class = settings_class

    def setup(self) -> None:
        uris = self.container.config.setdefault(REDIS_URIS_KEY, {})
        uris[self.key] = self.container.config["SETTINGS"].redis_url
        super().setup()
        self._own_settings = [load(self.settings_class, self.container.service_name)] if self.settings_class else []

    def start(self) -> None:
        super().start()
        self.store: S = self.store_class(self.client, *self._own_settings)

    def get_dependency(self, worker_ctx: Any) -> S:
        return self.store

    def ping(self) -> None:
        self.client.ping()


def open_store(store_class: type[S], url: str) -> S:
    """A store outside of a service: for tools and tests."""
    return store_class(redis.Redis.from_url(url, **CLIENT_OPTIONS))
