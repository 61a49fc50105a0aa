"""HTTP client of the public REST API: one session, the envelope unwrapped, error replies as exceptions."""

import uuid
from typing import Any

import requests

from ultramarket.instance import Instance
from ultramarket.instance_environment import ADMIN_EMAIL


class ApiError(Exception):
    """An error reply of the API: HTTP status (0: no reply), code, message, details."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        self.status = status
        self.code = str(error.get("code", "NO_ANSWER"))
        self.details: list[dict[str, Any]] = error.get("details") or []
        super().__init__(f"{self.code}: {error.get('message', 'no answer')}")

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status in (0, 503, 504)


class ApiClient:
    """A session of one account with the gateway of an instance."""

    def __init__(self, url: str, seconds: float = 30) -> None:
        self.prefix = f"{url}/api/v1"
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy for loopback
        self.seconds = seconds

    def call(self, method: str, path: str, body: Any = None, *, idempotent: bool = False, **headers: str) -> Any:
        """The reply's `data`. `idempotent` sends an Idempotency-Key. Raises `ApiError`."""
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if idempotent:
            all_headers["Idempotency-Key"] = str(uuid.uuid4())
        return self._send(method, path, json=body, headers=all_headers)

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any, *, idempotent: bool = False) -> Any:
        return self.call("POST", path, body, idempotent=idempotent)

    def upload(self, name: str, content: bytes, content_type: str, **fields: str) -> Any:
        """Store a file and return its description. Raises `ApiError`."""
        return self._send("POST", "/files", files={"file": (name, content, content_type)}, data=fields)

    def sign_in(self, email: str, password: str) -> None:
        """Send all further requests as this account."""
        tokens = self.post("/auth/login", {"email": email, "password": password})
        self.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = self.session.request(method, self.prefix + path, timeout=self.seconds, **arguments)
            envelope = response.json()
        except requests.RequestException as error:
            raise ApiError(0, {"message": f"no answer from {self.prefix} ({type(error).__name__})"}) from error
        if not envelope.get("success"):
            raise ApiError(response.status_code, envelope.get("error") or {})
        return envelope.get("data")


def administrator_client(instance: Instance) -> ApiClient:
    """A client signed in as the instance's administrator."""
    client = ApiClient(instance.gateway_url)
    client.sign_in(ADMIN_EMAIL, instance.secrets["admin_password"])
    return client
