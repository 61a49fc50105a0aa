"""Idempotency keys at the gateway: replayed replies, concurrency, leases and outages of Redis."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from flask_openapi3 import OpenAPI

from gateway_flask.middleware import idempotency
from gateway_flask.middleware.reply_store import LEASE_MS, ReplyStore, StoredReply, Verdict
from gateway_flask.settings import GatewaySettings
from gateway_flask.testing import FakeServices, Issuer
from services.chassis.common.errors import (
    DeadlineExceeded,
    DomainError,
    IdempotencyInProgress,
    NotFound,
    OutOfStock,
    PaymentActionRequired,
    PaymentDeclined,
    ServiceUnavailable,
)
from tests.support.shop import eventually

SECRET = b"a secret of this test"
ORDER = {
    "email": "ada@example.com",
    "shipping_address": {"name": "A", "line1": "1", "city": "C", "postal_code": "1", "country": "US"},
    "shipping_method": "standard",
    "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
}


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def order(make_app: Callable[..., OpenAPI], key: str) -> Callable[..., Any]:
    app = make_app()

    def place(cart: str = f"cart-{key}", note: str | None = None, **headers: str) -> Any:
        request_headers = {"Idempotency-Key": key, "X-Cart-Id": cart} | headers
        return app.test_client().post(
            "/api/v1/orders", json=ORDER | ({"note": note} if note else {}), headers=request_headers
        )

    return place


class Orders:
    """A fake of `orders.place_order` that counts its calls and returns a new order for each."""

    def __init__(self, delay: float = 0.0, status: str = "confirmed", error: Exception | None = None) -> None:
        self.placed = 0
        self.delay, self.status, self.error = delay, status, error
        self.proceed = threading.Event()
        self.proceed.set()
        self._lock = threading.Lock()

    def __call__(self, **_: Any) -> dict[str, Any]:
        with self._lock:
            self.placed += 1
            number = self.placed
        time.sleep(self.delay)
        assert self.proceed.wait(60)
        if self.error is not None:
            raise self.error
        return {"id": str(uuid.uuid4()), "status": self.status, "number": number}


def test_repeated_request_gets_the_same_reply(order: Callable[..., Any], services: FakeServices) -> None:
    orders = Orders()
    services.answer("orders.place_order", orders)

    first, second = order(), order()

    assert orders.placed == 1
    assert (second.status_code, second.data) == (first.status_code, first.data) == (201, first.data)
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


def test_idempotency_is_passed_to_the_service(order: Callable[..., Any], services: FakeServices, key: str) -> None:
    services.answer("orders.place_order", Orders())
    order()

    idempotency_ = services.arguments("orders.place_order")["idempotency"]

    assert (idempotency_["key"], idempotency_["owner"]) == (key, f"cart:cart-{key}")
    assert len(idempotency_["fingerprint"]) == 64


def test_concurrent_repetitions_run_the_command_once(
    order: Callable[..., Any], services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 60)  # a busy machine takes long for fifty
    orders = Orders(delay=0.3)
    services.answer("orders.place_order", orders)

    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: order(), range(50)))

    assert orders.placed == 1
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.data for reply in replies}) == 1


def test_concurrent_request_with_same_key_gets_retry_after(
    order: Callable[..., Any], services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.1)
    orders = Orders()
    orders.proceed.clear()
    services.answer("orders.place_order", orders)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(order)
        assert eventually(lambda: orders.placed)
        second = order()
        orders.proceed.set()

        assert (second.status_code, second.get_json()["error"]["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
        assert second.headers["Retry-After"] == "1"
        assert first.result().status_code == 201
    assert order().data == first.result().data
    assert orders.placed == 1


def test_same_key_with_another_body_is_refused(order: Callable[..., Any], services: FakeServices) -> None:
    orders = Orders()
    services.answer("orders.place_order", orders)
    order()

    refused = order(note="Another")

    assert (refused.status_code, refused.get_json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert orders.placed == 1


def test_same_key_on_another_path_is_refused(
    make_app: Callable[..., OpenAPI], services: FakeServices, issuer: Issuer, key: str
) -> None:
    services.answer("payments.capture_payment", NotFound())  # an outcome that is stored like any other
    client, headers = make_app().test_client(), issuer.bearer("ADMIN") | {"Idempotency-Key": key}

    first, second = (client.post(f"/api/v1/payments/{uuid.uuid4()}/capture", json={}, headers=headers) for _ in "ab")

    assert (first.status_code, second.status_code) == (404, 422)
    assert second.get_json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert [name for name, _ in services.calls].count("payments.capture_payment") == 1


def test_same_key_with_another_method_is_refused(
    make_app: Callable[..., OpenAPI], services: FakeServices, issuer: Issuer, key: str
) -> None:
    services.answer("products.update_product", NotFound())
    product = {
        "title": "Mug",
        "status": "active",
        "variants": [{"sku": "MUG", "price": {"amount": 1, "currency": "USD"}}],
    }
    client, headers = make_app().test_client(), issuer.bearer("ADMIN") | {"Idempotency-Key": key}
    path = f"/api/v1/products/{uuid.uuid4()}"

    replaced = client.put(path, json=product, headers=headers)
    changed = client.patch(path, json=product, headers=headers)

    assert (replaced.status_code, changed.status_code) == (404, 422)
    assert changed.get_json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_keys_are_separate_for_each_caller(order: Callable[..., Any], services: FakeServices, issuer: Issuer) -> None:
    orders = Orders()
    services.answer("orders.place_order", orders)

    first, second = order(), order(cart="another-guests-cart")
    third = order(**issuer.bearer())

    assert orders.placed == 3
    assert len({first.data, second.data, third.data}) == 3


@pytest.mark.parametrize(
    "outcome", [OutOfStock.of("MUG", 2, 1), PaymentDeclined(None, [{"decline_code": "lost"}]), NotFound()]
)
def test_refusal_is_stored_and_replayed(
    order: Callable[..., Any], services: FakeServices, outcome: DomainError
) -> None:
    orders = Orders(error=outcome)
    services.answer("orders.place_order", orders)

    first, second = order(), order()

    assert orders.placed == 1
    assert (second.status_code, second.data) == (outcome.status, first.data)


@pytest.mark.parametrize(
    "outcome",
    [
        ServiceUnavailable(),
        DeadlineExceeded(),
        IdempotencyInProgress(),
        PaymentActionRequired(),
        RuntimeError("a bug"),
    ],
)
def test_temporary_error_is_not_stored(order: Callable[..., Any], services: FakeServices, outcome: Exception) -> None:
    orders = Orders(error=outcome)
    services.answer("orders.place_order", orders)

    order()
    orders.error = None

    assert order().status_code == 201
    assert orders.placed == 2


def test_pending_reply_is_not_stored(order: Callable[..., Any], services: FakeServices) -> None:
    orders = Orders(status="pending")
    services.answer("orders.place_order", orders)

    assert order().status_code == 202
    orders.status = "confirmed"
    assert order().status_code == 201


def test_invalid_request_does_not_use_its_key(
    make_app: Callable[..., OpenAPI], services: FakeServices, key: str
) -> None:
    services.answer("orders.place_order", Orders())
    client, headers = make_app().test_client(), {"Idempotency-Key": key, "X-Cart-Id": f"cart-{key}"}

    assert client.post("/api/v1/orders", json={}, headers=headers).status_code == 422
    assert client.post("/api/v1/orders", json=ORDER, headers=headers).status_code == 201


def test_services_are_called_each_time_without_redis(
    make_app: Callable[..., OpenAPI], services: FakeServices, key: str
) -> None:
    orders = Orders()
    services.answer("orders.place_order", orders)
    client = make_app().test_client()
    client.application.extensions["replies"] = ReplyStore(redis.Redis(port=1), 1000, SECRET)

    for _ in range(2):
        headers = {"Idempotency-Key": key, "X-Cart-Id": f"cart-{key}"}
        assert client.post("/api/v1/orders", json=ORDER, headers=headers).status_code == 201
    assert orders.placed == 2
    assert services.arguments("orders.place_order")["idempotency"]["key"] == key


def expire(store: "redis.Redis", name: str) -> None:
    """Let the lease in Redis expire."""
    store.pexpire(name, 1)
    assert eventually(lambda: not store.exists(name))


def test_lease_of_a_killed_gateway_expires(store: "redis.Redis", key: str) -> None:
    replies, name = ReplyStore(store, 60_000, SECRET), ReplyStore.name("user:1", key)

    assert replies.claim(name, "f", "first") == (Verdict.OURS, None)
    assert replies.claim(name, "f", "second") == (Verdict.IN_PROGRESS, None)
    assert replies.claim(name, "other", "third") == (Verdict.REUSED, None)
    assert 0 < store.pttl(name) <= LEASE_MS
    expire(store, name)
    assert replies.claim(name, "f", "second") == (Verdict.OURS, None)


def test_claim_outlasts_a_request_and_not_much_longer() -> None:
    """A claim that could not be released, because Redis was away, blocks its key for at most ten seconds."""
    assert GatewaySettings.model_fields["gateway_order_seconds"].default * 1000 < LEASE_MS <= 10_000


def test_holder_of_an_expired_lease_overwrites_nothing(store: "redis.Redis", key: str) -> None:
    replies, name = ReplyStore(store, 60_000, SECRET), ReplyStore.name("user:1", key)
    replies.claim(name, "f", "late")
    expire(store, name)
    replies.claim(name, "f", "successor")
    reply = StoredReply(201, {"Content-Type": "application/json"}, b'{"a":  1}')

    assert not replies.keep(name, "late", StoredReply(500, {}, b""))
    assert not replies.forget(name, "late")
    assert replies.keep(name, "successor", reply)
    assert not replies.forget(name, "successor")
    assert replies.claim(name, "f", "reader") == (Verdict.DONE, reply)
    assert LEASE_MS < store.pttl(name) <= 60_000


def test_stored_replies_are_encrypted_for_their_owner(store: "redis.Redis", key: str) -> None:
    replies, name = ReplyStore(store, 60_000, SECRET), ReplyStore.name("user:1", key)
    replies.claim(name, "f", "mark")
    replies.keep(name, "mark", StoredReply(201, {}, b'{"access_token": "of the customer"}'))

    stored = store.hgetall(name)
    other_store, other_name = ReplyStore(store, 60_000, b"another secret altogether"), ReplyStore.name("user:2", key)
    store.hset(other_name, mapping=stored)

    assert b"access_token" not in b"".join(stored.values())
    assert other_store.claim(name, "f", "reader") == (Verdict.UNKNOWN, None)
    assert replies.claim(other_name, "f", "reader") == (Verdict.UNKNOWN, None)
    assert replies.claim(name, "f", "reader")[0] is Verdict.DONE
