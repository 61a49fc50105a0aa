"""One application for all tests of a module: making one takes longer than most of these tests."""

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.app import create_app
from gateway_flask.testing import FakeServices, Issuer, settings


@pytest.fixture(scope="module")
def shared_services(issuer: Issuer) -> FakeServices:
    """The services of `shared_app`."""
    fake = FakeServices()
    fake.answer("auth.jwks", issuer.jwks())
    return fake


@pytest.fixture(scope="module")
def shared_app(shared_services: FakeServices) -> OpenAPI:
    """The application that `client` calls."""
    return create_app(settings(), shared_services)


@pytest.fixture
def services(shared_services: FakeServices) -> FakeServices:
    shared_services.calls.clear()
    return shared_services


@pytest.fixture
def client(shared_app: OpenAPI) -> FlaskClient:
    return shared_app.test_client()
