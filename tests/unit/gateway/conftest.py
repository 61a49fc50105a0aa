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


@pytest.fixture
def services(issuer: Issuer) -> FakeServices:
    fake = FakeServices()
    fake.answer("auth.jwks", issuer.jwks())
    return fake


@pytest.fixture
def make_app(services: FakeServices) -> Callable[..., OpenAPI]:
    def make(**values: Any) -> OpenAPI:
        return create_app(settings(**values), services)

    return make


@pytest.fixture
def client(make_app: Callable[..., OpenAPI]) -> FlaskClient:
    return make_app().test_client()
