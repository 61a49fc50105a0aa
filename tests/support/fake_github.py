"""A server that replies as GitHub documents its login and the part of its API that a login needs.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps, its page on errors of access
token requests, and https://docs.github.com/en/rest/users: refusals of a code have the status 200, the granted scopes
are separated by commas, a private address is null in `/user`, lists have pages of 30, requests need a `User-Agent`.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

PORT: Final = 8077
CLIENT_ID, CLIENT_SECRET = "shop", "a secret of tests only"
ERRORS: Final = {
    "bad_verification_code": "The code passed is incorrect or expired.",
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
}


@dataclass
class Account:
    """An account at GitHub; `emails` as in `GET /user/emails`."""

    id: int
    login: str
    emails: list[dict[str, Any]]
    name: str | None = None
    scopes: str = "read:user,user:email"


def email(address: str, primary: bool = False, verified: bool = True) -> dict[str, Any]:
    """An address of an account: a primary one is private here, as by GitHub's default for new accounts."""
    visibility = "private" if primary else None
    return {"email": address, "primary": primary, "verified": verified, "visibility": visibility}


@dataclass
class FakeGitHub:
    """A running server. `account` is who is signed in there; None for a person who refuses."""

    url: str
    redirect_uri: str
    account: Account | None = None
    codes: dict[str, tuple[Account, str]] = field(default_factory=dict)
    tokens: dict[str, Account] = field(default_factory=dict)

    def authorize(self, query: dict[str, str]) -> str:
        """The address that the browser is sent back to."""
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        reply = {"state": query["state"]}
        if self.account is None:
            reply |= {"error": "access_denied", "error_description": "The user has denied your application access."}
        else:
            reply["code"] = secrets.token_hex(10)
            self.codes[reply["code"]] = (self.account, query["code_challenge"])
        return f"{self.redirect_uri}?{urlencode(reply)}"

    def token(self, form: dict[str, str]) -> dict[str, str]:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refusal("incorrect_client_credentials")
        if form.get("redirect_uri") != self.redirect_uri:
            return _refusal("redirect_uri_mismatch")
        account, challenge = self.codes.pop(form.get("code", ""), (None, ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if account is None or base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
            return _refusal("bad_verification_code")
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens[token] = account
        return {"access_token": token, "scope": account.scopes, "token_type": "bearer"}

    def api(self, path: str, query: dict[str, str], authorization: str) -> tuple[int, Any]:
        account = self.tokens.get(authorization.partition(" ")[2])
        if account is None:
            return 401, {"message": "Bad credentials"}
        if path == "/user":
            public = {"id": account.id, "login": account.login, "name": account.name, "email": None}
            return 200, public
        if path == "/user/emails" and "user:email" in account.scopes.split(","):
            size = min(int(query.get("per_page", 30)), 100)
            return 200, account.emails[:size]
        return 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


def _refusal(error: str) -> dict[str, str]:
    return {"error": error, "error_description": ERRORS[error], "error_uri": "/apps/managing-oauth-apps"}


@contextmanager
def running(host: str, redirect_uri: str) -> Iterator[FakeGitHub]:
    """Run the server on an address of 127.77.0.0/16."""
    github = FakeGitHub(f"http://{host}:{PORT}", redirect_uri)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            if parts.path == "/login/oauth/authorize":
                self.send_response(302)
                self.send_header("Location", github.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif not self.headers.get("User-Agent"):
                self._reply(403, "text/plain", b"Please make sure your request has a User-Agent header")
            else:
                status, body = github.api(parts.path, query, self.headers.get("Authorization", ""))
                self._reply(status, "application/json; charset=utf-8", json.dumps(body).encode())

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            reply = github.token(form) if self.path == "/login/oauth/access_token" else {}
            if "application/json" in self.headers.get("Accept", ""):
                self._reply(200, "application/json; charset=utf-8", json.dumps(reply).encode())
            else:
                self._reply(200, "application/x-www-form-urlencoded; charset=utf-8", urlencode(reply).encode())

        def _reply(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((host, PORT), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield github
        server.shutdown()
