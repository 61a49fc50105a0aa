"""Load shedding over WSGI: one place and one waiting request for each area of the API, and slow services."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import Client, TestResponse

from gateway_flask.app import create_app, whole
from gateway_flask.load_shedding.middleware import LoadShedding
from gateway_flask.testing import FakeServices, settings

DEADLINE = 10.0
TREE = "/api/v1/categories"
METHODS = "/api/v1/shipping/methods"


class SlowCategories:
    """`products.category_tree`, which answers when the test lets it."""

    def __init__(self, services: FakeServices) -> None:
        self.begun, self.may_end = threading.Semaphore(0), threading.Event()
        services.answer("products.category_tree", self)

    def __call__(self, **_: Any) -> list[Any]:
        self.begun.release()
        assert self.may_end.wait(DEADLINE)
        return []


@pytest.fixture
def gateway(services: FakeServices) -> LoadShedding:
    values = settings(gateway_threads=1, gateway_waiting=1, gateway_wait_seconds=DEADLINE)
    app = create_app(values, services)
    return LoadShedding(whole(app), app, values)


@pytest.fixture
def categories(services: FakeServices, pool: ThreadPoolExecutor) -> Iterator[SlowCategories]:
    slow = SlowCategories(services)
    yield slow
    slow.may_end.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def get(gateway: LoadShedding, path: str, **headers: str) -> TestResponse:
    return Client(gateway).get(path, headers=headers)


def test_requests_beyond_the_places_wait(
    gateway: LoadShedding, categories: SlowCategories, pool: ThreadPoolExecutor
) -> None:
    replies: list[Future[TestResponse]] = [pool.submit(get, gateway, TREE) for _ in range(2)]
    assert categories.begun.acquire(timeout=DEADLINE)

    begun_at_once = categories.begun.acquire(timeout=0.05)
    categories.may_end.set()

    assert not begun_at_once
    assert [reply.result(DEADLINE).status_code for reply in replies] == [200, 200]


def test_excess_request_is_refused_before_any_work(
    gateway: LoadShedding, categories: SlowCategories, services: FakeServices, pool: ThreadPoolExecutor
) -> None:
    refused_before = REGISTRY.get_sample_value("ultramarket_http_shed_total", {"area": "categories"}) or 0
    replies = [pool.submit(get, gateway, TREE, **{"X-Request-Id": "an-id"})]
    assert categories.begun.acquire(timeout=DEADLINE)

    replies += [pool.submit(get, gateway, TREE, **{"X-Request-Id": "an-id"}) for _ in range(2)]
    refused = next(as_completed(replies, timeout=DEADLINE)).result()

    assert refused.status_code == 503
    assert refused.json["error"] == {
        "code": "SERVICE_UNAVAILABLE",
        "message": "There are too many requests at the moment: try again in a few seconds",
        "details": [],
    }
    assert refused.headers["Retry-After"] == "2"
    assert refused.headers["X-Request-Id"] == "an-id"
    assert [name for name, _ in services.calls] == ["products.category_tree"]
    assert REGISTRY.get_sample_value("ultramarket_http_shed_total", {"area": "categories"}) == refused_before + 1


def test_other_areas_and_health_are_answered(
    gateway: LoadShedding, categories: SlowCategories, services: FakeServices, pool: ThreadPoolExecutor
) -> None:
    services.answer("shipping.methods", [])
    pool.submit(get, gateway, TREE)
    assert categories.begun.acquire(timeout=DEADLINE)

    statuses = [get(gateway, path).status_code for path in (METHODS, "/health/live", "/metrics")]

    assert statuses == [200, 200, 200]


def test_place_is_free_again_after_an_error(gateway: LoadShedding, services: FakeServices) -> None:
    services.answer("products.category_tree", RuntimeError("a defect"))

    statuses = [get(gateway, TREE).status_code for _ in range(3)]

    assert statuses == [500, 500, 500]


def test_failures_do_not_count_as_load(
    gateway: LoadShedding, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[tuple[str | None, bool]] = []
    admission = gateway.areas["categories"]
    leave = admission.leave

    def record(endpoint: str | None, seconds: float, in_flight: int, failed: bool) -> None:
        ended.append((endpoint, failed))
        leave(endpoint, seconds, in_flight, failed)

    monkeypatch.setattr(admission, "leave", record)

    for answer in ([], RuntimeError("a defect"), []):
        services.answer("products.category_tree", answer)
        get(gateway, TREE)

    assert [(endpoint is None, failed) for endpoint, failed in ended] == [(False, False), (True, True), (False, False)]
