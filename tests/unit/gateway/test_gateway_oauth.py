"""Redirects and cookies of a login at a provider: nothing of the query becomes a header."""

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import FakeServices

RETURN_TO = "https://shop.example/signed-in?code=c"


@pytest.mark.parametrize("part", ["a\r\nSet-Cookie: x=y", "a; Domain=example", "a\u2028b", "../../../"])
def test_query_of_a_callback_stays_out_of_headers(client: FlaskClient, services: FakeServices, part: str) -> None:
    services.answer("auth.finish_oauth", {"url": RETURN_TO})

    reply = client.get("/api/v1/auth/oauth/local/callback", query_string={"state": part, "code": part, "error": part})

    assert (reply.status_code, reply.headers["Location"]) == (302, RETURN_TO)
    [cookie] = reply.headers.getlist("Set-Cookie")
    assert cookie.startswith("oauth_")
    assert cookie.partition("=")[2].startswith("; Expires=Thu, 01 Jan 1970")
    assert "x=y" not in str(reply.headers)
    assert "Domain" not in str(reply.headers)


def test_cookie_of_a_login_is_for_its_callback_only(client: FlaskClient, services: FakeServices) -> None:
    started = {"url": "https://provider.example/?state=s", "state": "s", "browser": "secret"}
    services.answer("auth.start_oauth", started)

    reply = client.get("/api/v1/auth/oauth/local/start", query_string={"return_to": "https://shop.example/signed-in"})

    [cookie] = reply.headers.getlist("Set-Cookie")
    name, _, rest = cookie.partition("=")
    attributes = {attribute.strip() for attribute in rest.split(";")}
    assert name.startswith("oauth_")
    assert attributes == {"secret", "Max-Age=600", "HttpOnly", "Path=/api/v1/auth/oauth/local/", "SameSite=Lax"} | {
        attribute for attribute in attributes if attribute.startswith("Expires=")
    }
