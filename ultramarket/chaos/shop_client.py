"""HTTP client of a scenario: any number of threads, requests repeated under one key until there is a final answer."""

import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson
import urllib3

RETRIED: Final = (0, 429, 502, 503, 504)
"""Statuses after which the same request is sent again; 0: no answer."""
ADDRESS: Final = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}


@dataclass(frozen=True)
class Reply:
    """A reply of the gateway; status 0 for none."""

    status: int
    body: Any = None
    retry_after: float | None = None
    seconds: float = 0.0

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def code(self) -> str:
        return str((self.body or {}).get("error", {}).get("code", "NO_ANSWER"))

    @property
    def details(self) -> list[dict[str, Any]]:
        return (self.body or {}).get("error", {}).get("details") or []

    @property
    def is_temporary(self) -> bool:
        return self.status in RETRIED or (self.status == 409 and self.code == "IDEMPOTENCY_IN_PROGRESS")


@dataclass(frozen=True)
class Observation:
    """A request and its reply's status (0: none), from `begun` to `ended` (monotonic seconds)."""

    request: str
    status: int
    code: str
    begun: float
    ended: float
    has_retry_after: bool

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    @property
    def is_unavailable(self) -> bool:
        """Whether the reply says that something is not available at the moment."""
        return self.status in (503, 504)


class ShopClient:
    """Connections to one gateway, shared by threads."""

    def __init__(self, url: str, connections: int = 128, timeout: float = 15.0) -> None:
        self.url, self.timeout = f"{url}/api/v1", timeout
        self._pool = urllib3.PoolManager(maxsize=connections, block=False, retries=False)
        self.statuses: dict[str, int] = {}
        """Numbers of replies by status, repetitions included."""
        self.observations: list[Observation] = []
        """Each request, in the order of the replies."""
        self._lock = threading.Lock()

    @property
    def unavailable_without_retry_after(self) -> int:
        return sum(one.is_unavailable and not one.has_retry_after for one in self.observations)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request. A header's name has underscores for its dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Content-Type"] = "application/json"
        begun = time.monotonic()
        try:
            answer = self._pool.request(
                method,
                self.url + path,
                body=orjson.dumps(body) if body is not None else None,
                headers=sent,
                timeout=urllib3.Timeout(connect=5.0, read=self.timeout),
            )
            content = orjson.loads(answer.data) if answer.data else None
            retry_after = float(answer.headers.get("Retry-After", 0)) or None
            reply = Reply(answer.status, content, retry_after, time.monotonic() - begun)
        except (urllib3.exceptions.HTTPError, orjson.JSONDecodeError) as missing:
            reply = Reply(0, {"error": {"code": type(missing).__name__}}, seconds=time.monotonic() - begun)
        observation = Observation(
            f"{method} /{path.split('/')[1]}",
            reply.status,
            reply.code,
            begun,
            begun + reply.seconds,
            reply.retry_after is not None,
        )
        with self._lock:
            self.observations.append(observation)
            status = str(reply.status) if reply.status else f"no answer: {reply.code}"
            self.statuses[status] = self.statuses.get(status, 0) + 1
        return reply

    def persist(self, method: str, path: str, body: Any = None, seconds: float = 240.0, **headers: str) -> Reply:
        """Send a request again until it has a final answer, or the time is over."""
        until = time.monotonic() + seconds
        while True:
            reply = self.send(method, path, body, **headers)
            if not reply.is_temporary or time.monotonic() >= until:
                return reply
            time.sleep(min(reply.retry_after or 0.3, 1.0))


def new_key() -> str:
    """A new idempotency key."""
    return uuid.uuid4().hex
