"""The gateway in front of fake services, without Redis."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.app import create_app
from gateway_flask.testing import FakeServices, Issuer, settings


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def shared_services() -> FakeServices:
    """The services of `shared_app`."""
    return FakeServices()


@pytest.fixture(scope="module")
def shared_app(shared_services: FakeServices) -> OpenAPI:
    """One application for all tests of a module: making one takes longer than most of these tests."""
    return create_app(settings(), shared_services)


@pytest.fixture
def services(issuer: Issuer, shared_services: FakeServices) -> FakeServices:
    """Fake services that were not called yet; the only reply that they have is auth's keys."""
    shared_services.calls.clear()
    shared_services.answers.clear()
    shared_services.answer("auth.jwks", issuer.jwks())
    return shared_services


@pytest.fixture
def make_app(services: FakeServices) -> Callable[..., OpenAPI]:
    """Make an application of a test's own, for one that changes its settings or its state."""

    def make(**values: Any) -> OpenAPI:
        return create_app(settings(**values), services)

    return make


@pytest.fixture
def make_caching_app(make_app: Callable[..., OpenAPI]) -> Callable[..., OpenAPI]:
    """Make an application whose cache of replies is in use, as while events are followed."""

    def make(**values: Any) -> OpenAPI:
        app = make_app(**{"reply_cache_shared": False, **values})
        app.extensions["reply_cache"].invalidations.begin()
        return app

    return make


@pytest.fixture
def client(shared_app: OpenAPI, services: FakeServices) -> FlaskClient:
    return shared_app.test_client()
