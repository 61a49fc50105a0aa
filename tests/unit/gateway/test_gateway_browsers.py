"""Headers for browsers: CORS, security headers; the client's address behind nginx."""

from typing import Any

import pytest
from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.test import Client, TestResponse

from gateway_flask.app import edge
from gateway_flask.middleware.security_headers import JSON_HEADERS, script_policy
from gateway_flask.testing import settings

ORIGIN = "https://shop.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    page = "<!doctype html><title>A page</title>"
    app.add_url_rule("/json", "json", lambda: {"address": request.remote_addr, "scheme": request.scheme})
    app.add_url_rule("/page", "page", lambda: page)
    app.add_url_rule("/own", "own", lambda: Response(page, headers={"content-security-policy": "sandbox"}))
    return app


def reply(app: Flask, path: str, /, method: str = "GET", *, sent: dict[str, str], **values: Any) -> TestResponse:
    client = Client(edge(app.wsgi_app, settings(**values)))
    return client.open(path, method=method, headers=sent, environ_overrides={"REMOTE_ADDR": "127.0.0.1"})


class TestCors:
    def test_allowed_origin_may_read_the_reply_and_its_headers(self, app: Flask) -> None:
        answer = reply(app, "/json", sent={"Origin": ORIGIN}, cors_origins=f"http://localhost:5173, {ORIGIN}")

        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert {"X-Cart-Id", "ETag", "RateLimit-Remaining", "Retry-After", "Sunset"} <= set(
            answer.headers["Access-Control-Expose-Headers"].split(", ")
        )
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers

    def test_preflight_is_answered_and_may_be_cached(self, app: Flask) -> None:
        answer = reply(app, "/json", "OPTIONS", sent={"Origin": ORIGIN} | PREFLIGHT, cors_origins=ORIGIN)

        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Max-Age"] == "7200"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("origin", ["https://evil.example", f"{ORIGIN}.evil.example", "null", ""])
    @pytest.mark.parametrize("allowed", [ORIGIN, ""])
    def test_other_origins_get_no_permission(self, app: Flask, origin: str, allowed: str) -> None:
        for method in ("GET", "OPTIONS"):
            answer = reply(app, "/json", method, sent={"Origin": origin} | PREFLIGHT, cors_origins=allowed)

            assert [name for name in dict(answer.headers) if name.startswith("Access-Control-")] == []

    def test_every_origin_can_be_allowed(self, app: Flask) -> None:
        answer = reply(app, "/json", sent={"Origin": "https://any.example"}, cors_origins="*")

        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    def test_credentials_are_for_named_origins(self, app: Flask) -> None:
        answer = reply(app, "/json", sent={"Origin": ORIGIN}, cors_origins=ORIGIN, cors_credentials=True)

        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        with pytest.raises(ValidationError, match="name the origins instead"):
            settings(cors_origins="*", cors_credentials=True)

    @pytest.mark.parametrize("origins", ["shop.example", "https://shop.example/", "https://*.example", f"*,{ORIGIN}"])
    def test_setting_that_names_no_origin_is_refused(self, origins: str) -> None:
        with pytest.raises(ValidationError, match="cors_origins"):
            settings(cors_origins=origins)


class TestSecurityHeaders:
    @pytest.mark.parametrize("path", ["/json", "/nothing"])
    def test_json_and_errors_have_all(self, app: Flask, path: str) -> None:
        app.register_error_handler(404, lambda _: ({"success": False}, 404))

        answer = reply(app, path, sent={})

        assert {name: answer.headers[name] for name in JSON_HEADERS} == JSON_HEADERS

    def test_page_has_a_policy_for_pages(self, app: Flask) -> None:
        policy = reply(app, "/page", sent={}).headers["Content-Security-Policy"]

        assert "style-src 'self' 'unsafe-inline'" in policy
        assert "script-src" not in policy

    def test_policy_of_a_reply_is_kept(self, app: Flask) -> None:
        assert reply(app, "/own", sent={}).headers.getlist("Content-Security-Policy") == ["sandbox"]

    def test_scripts_of_a_page_are_allowed_by_their_digest(self) -> None:
        policy = script_policy("<script src=x></script><script>alert(1)</script>")

        # printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert "script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';" in policy


class TestClientAddress:
    def test_address_and_scheme_are_those_nginx_tells(self, app: Flask) -> None:
        sent = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}

        assert reply(app, "/json", sent=sent).json == {"address": "203.0.113.9", "scheme": "https"}

    def test_others_cannot_choose_their_address(self, app: Flask) -> None:
        sent = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}

        answer = reply(app, "/json", sent=sent, gateway_proxies="192.0.2.0/24")

        assert answer.json == {"address": "127.0.0.1", "scheme": "http"}

    @pytest.mark.parametrize("forwarded", ["nonsense", "", "203.0.113.9, x", "'; drop table"])
    def test_malformed_address_is_ignored(self, app: Flask, forwarded: str) -> None:
        answer = reply(app, "/json", sent={"X-Forwarded-For": forwarded})

        assert answer.json == {"address": "127.0.0.1", "scheme": "http"}
