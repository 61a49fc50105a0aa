"""The gateway with fake services and the real Redis."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from flask_openapi3 import OpenAPI

from gateway_flask.app import create_app
from gateway_flask.middleware.reply_store import connect
from gateway_flask.testing import FakeServices, Issuer, settings
from services.chassis.runtime.settings import Settings


@pytest.fixture
def store() -> "redis.Redis":
    return connect(Settings().redis_url)


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def services(issuer: Issuer) -> FakeServices:
    fake = FakeServices()
    fake.answer("auth.jwks", issuer.jwks())
    return fake


@pytest.fixture
def make_app(services: FakeServices, store: "redis.Redis") -> Callable[..., OpenAPI]:
    def make(**values: Any) -> OpenAPI:
        return create_app(settings(**values), services, store)

    return make
