"""The cache of replies on the real broker and the real Redis: events drop, processes share."""

import time
from collections.abc import Callable, Iterator

import amqp
import orjson
import pytest
import redis
from flask_openapi3 import OpenAPI

from gateway_flask.caching import tags
from gateway_flask.caching.cached_reply import CachedReply
from gateway_flask.caching.follower import InvalidationFollower
from gateway_flask.caching.invalidations import Drop, Invalidations
from gateway_flask.caching.reply_cache import ReplyCache
from gateway_flask.caching.shared_replies import SharedReplies
from gateway_flask.testing import FakeServices
from schemas.events.products import ProductUpdated
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.transport import connect
from services.chassis.runtime.settings import Settings
from tests.support.proxy import proxy_to
from tests.support.shop import eventually


@pytest.fixture
def channel() -> Iterator[amqp.Channel]:
    with connect(Settings().amqp_url) as connection:
        yield connection.channel()


def publish(channel: amqp.Channel, product_id: str) -> None:
    event = ProductUpdated(product_id=product_id, slug="mug", title="Mug", status="active", skus=())
    message = amqp.Message(orjson.dumps(envelope(event)))
    channel.basic_publish(message, ProductUpdated.source + ".events", ProductUpdated.type)


def reply(product_id: str, body: bytes = b"{}") -> CachedReply:
    all_tags = (tags.EVERYTHING, tags.product(product_id))
    return CachedReply("/products", body, (("ETag", '"1"'),), '"1"', all_tags, {"results": 1})


def shared_cache(store: "redis.Redis") -> ReplyCache:
    """The cache of a process."""
    invalidations = Invalidations()
    invalidations.begin()
    return ReplyCache(100_000, 60.0, invalidations, SharedReplies(store))


def test_event_drops_the_product_of_every_process(channel: amqp.Channel, store: "redis.Redis") -> None:
    changed, other = new_id(), new_id()
    processes = [ReplyCache(100_000, 60.0, Invalidations(), SharedReplies(store)) for _ in range(2)]
    followers = [InvalidationFollower(process.invalidations, Settings().amqp_url) for process in processes]
    for follower in followers:
        follower.start()
    assert eventually(lambda: all(process.is_in_use for process in processes))

    def is_kept(process: ReplyCache, product_id: str) -> bool:
        """Whether a reply outlives the short life that it has while changes may be on their way after a connection."""
        cached = process.get(product_id)
        if cached is None:
            process.fill("/products", product_id, lambda: reply(product_id))
        return cached is not None and time.monotonic() - cached.began > 0.3

    for process in processes:
        assert eventually(lambda process=process: is_kept(process, changed) and is_kept(process, other))

    publish(channel, changed)

    for process in processes:
        assert eventually(lambda process=process: process.get(changed) is None)
        assert process.get(other) is not None
    for follower in followers:
        follower.stop()


def test_lost_connection_switches_the_cache_off(store: "redis.Redis") -> None:
    with proxy_to(Settings().amqp_url) as proxy:
        cache = ReplyCache(100_000, 60.0, Invalidations(), SharedReplies(store))
        follower = InvalidationFollower(cache.invalidations, proxy.url)
        follower.start()
        eventually(lambda: cache.is_in_use)
        product_id = new_id()
        cache.fill("/products", product_id, lambda: reply(product_id))

        proxy.cut()
        eventually(lambda: not cache.is_in_use)
        assert cache.get(product_id) is None

        proxy.restore()
        eventually(lambda: cache.is_in_use)
        assert cache.get(product_id) is None
        follower.stop()


def test_reply_of_another_process_is_used(store: "redis.Redis") -> None:
    one, other, product_id = shared_cache(store), shared_cache(store), new_id()

    computed = one.fill("/products", product_id, lambda: reply(product_id, b"computed"))
    read = other.fill("/products", product_id, lambda: reply(product_id, b"computed again"))

    assert (read.body, read.headers, read.etag, read.tags, read.facts) == (
        b"computed", computed.headers, computed.etag, computed.tags, computed.facts,
    )  # fmt: skip


def test_older_reply_of_another_process_is_refused(store: "redis.Redis") -> None:
    one, other, product_id = shared_cache(store), shared_cache(store), new_id()

    one.fill("/products", product_id, lambda: reply(product_id, b"old"))
    other.invalidations.record([Drop(tags.product(product_id))])

    assert other.fill("/products", product_id, lambda: reply(product_id, b"new")).body == b"new"


def test_reply_of_before_the_start_is_refused(store: "redis.Redis") -> None:
    one, product_id = shared_cache(store), new_id()
    one.fill("/products", product_id, lambda: reply(product_id, b"old"))

    later = shared_cache(store)

    assert later.fill("/products", product_id, lambda: reply(product_id, b"new")).body == b"new"


def test_reads_go_on_without_redis(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    app = make_app()
    app.extensions["reply_cache"] = shared_cache(redis.Redis.from_url("redis://127.0.0.1:1"))
    services.answer("products.category_tree", [])

    statuses = [app.test_client().get("/api/v1/categories").status_code for _ in range(2)]

    assert statuses == [200, 200]
    assert sum(name == "products.category_tree" for name, _ in services.calls) == 1
