"""A deprecated route says so in its replies and in the OpenAPI document."""

from datetime import date
from typing import Any

import pytest
from flask import Response

from gateway_flask.app import create_app
from gateway_flask.http.deprecation import Deprecation
from gateway_flask.http.envelope import ok
from gateway_flask.openapi import document, endpoints
from gateway_flask.openapi.endpoints import Api
from gateway_flask.testing import FakeServices, settings
from schemas.api.system import Live
from schemas.permissions.access import PUBLIC, needs
from schemas.permissions.permission import Permission

ACCESS = {"get_old": PUBLIC, "get_closed": needs(Permission.AUDIT_READ)}
HEADERS = {
    "Deprecation": "@1767225600",  # date -u -d 2026-01-01 +%s
    "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
    "Link": '</api/v1/new>; rel="successor-version"',
}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    app = create_app(settings(), FakeServices())
    declared = dict(endpoints.ENDPOINTS)
    monkeypatch.setattr(endpoints, "ENDPOINTS", declared)
    monkeypatch.setattr(document, "ENDPOINTS", declared)
    monkeypatch.setattr(endpoints, "access_of", ACCESS.__getitem__)
    api = Api("old", "Old", "A deprecated route.", "/old")
    deprecated = Deprecation(date(2026, 1, 1), date(2027, 1, 1), "/api/v1/new")

    @api.get("", reply=Live, deprecated=deprecated)
    def get_old() -> Response:
        """Get the old thing."""
        return ok({"status": "live", "service": "gateway"}, "Old")

    @api.get("/closed", reply=Live, deprecated=Deprecation(date(2026, 1, 1)))
    def get_closed() -> Response:
        """Get the closed thing."""
        raise AssertionError

    app.register_api(api.blueprint)
    return app


def test_replies_have_the_dates_and_the_successor(app: Any) -> None:
    reply = app.test_client().get("/api/v1/old")

    assert (reply.status_code, {name: reply.headers[name] for name in HEADERS}) == (200, HEADERS)


def test_refusals_have_them_as_well(app: Any) -> None:
    reply = app.test_client().get("/api/v1/old/closed")

    assert (reply.status_code, reply.headers["Deprecation"]) == (401, HEADERS["Deprecation"])
    assert "Sunset" not in reply.headers


def test_document_marks_the_operation(app: Any) -> None:
    operation = app.test_client().get("/api/v1/openapi.json").get_json()["paths"]["/api/v1/old"]["get"]

    assert operation["deprecated"] is True
    assert operation["description"] == "Deprecated since 2026-01-01. It ends on 2027-01-01. Use `/api/v1/new` instead."
    headers = operation["responses"]["200"]["headers"]
    assert {name: headers[name]["example"] for name in HEADERS} == HEADERS
