"""The public REST interface as a client sees it: one session, the envelope taken off, refusals as exceptions."""

import uuid
from typing import Any

import requests

from ultramarket.instance import ADMIN_EMAIL, Instance


class Refused(Exception):
    """The API said no, or could not be reached: HTTP status (0: no answer), code, message, details."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        self.status = status
        self.code = str(error.get("code", "NO_ANSWER"))
        self.details: list[dict[str, Any]] = error.get("details") or []
        super().__init__(f"{self.code}: {error.get('message', 'no answer')}")


class Api:
    """A customer's or administrator's view of one running instance."""

    def __init__(self, url: str, seconds: float = 30) -> None:
        self.prefix = f"{url}/api/v1"
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy has no business on loopback
        self.seconds = seconds

    def call(self, method: str, path: str, body: Any = None, *, once: bool = False, **headers: str) -> Any:
        """The reply's `data`. `once` sends an Idempotency-Key. Raises `Refused`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if once:
            named["Idempotency-Key"] = str(uuid.uuid4())
        try:
            reply = self.session.request(method, self.prefix + path, json=body, headers=named, timeout=self.seconds)
            envelope = reply.json()
        except requests.RequestException as lost:
            raise Refused(0, {"message": f"no answer from {self.prefix} ({type(lost).__name__})"}) from lost
        if not envelope.get("success"):
            raise Refused(reply.status_code, envelope.get("error") or {})
        return envelope.get("data")

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any, *, once: bool = False) -> Any:
        return self.call("POST", path, body, once=once)

    def upload(self, name: str, content: bytes, content_type: str, **fields: str) -> Any:
        """The stored file as the API says it. Raises `Refused`."""
        try:
            reply = self.session.post(
                self.prefix + "/files", files={"file": (name, content, content_type)}, data=fields, timeout=self.seconds
            )
            envelope = reply.json()
        except requests.RequestException as lost:
            raise Refused(0, {"message": f"no answer from {self.prefix} ({type(lost).__name__})"}) from lost
        if not envelope.get("success"):
            raise Refused(reply.status_code, envelope.get("error") or {})
        return envelope["data"]

    def sign_in(self, email: str, password: str) -> None:
        """Everything that follows is done as this account."""
        tokens = self.post("/auth/login", {"email": email, "password": password})
        self.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"


def as_administrator(instance: Instance) -> Api:
    api = Api(instance.gateway_url)
    api.sign_in(ADMIN_EMAIL, instance.secrets["admin_password"])
    return api
