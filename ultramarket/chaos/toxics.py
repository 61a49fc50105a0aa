"""Faults of connections, by the API of the instance's fault proxy: https://github.com/Shopify/toxiproxy#http-api."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import orjson
import urllib3

from ultramarket.chaos.run import Run, ScenarioFailed

LATENCY_MS: Final = 500
RESET_SHARE: Final = 0.05
"""The share of connections that are reset every second, new ones included."""
RESET_EVERY_SECONDS: Final = 1.0


class FaultProxy:
    """The fault proxy of an instance."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._pool = urllib3.PoolManager(retries=False, timeout=5.0)

    def add(self, server: str, kind: str, attributes: Mapping[str, int], share: float = 1.0) -> None:
        """Disturb the replies of a server, on a share of its connections. Raises `ScenarioFailed`."""
        toxic = {"name": kind, "type": kind, "stream": "downstream", "toxicity": share, "attributes": attributes}
        self._send("POST", f"/proxies/{server}/toxics", toxic)

    def remove(self, server: str, kind: str) -> None:
        """End that. Raises `ScenarioFailed`."""
        self._send("DELETE", f"/proxies/{server}/toxics/{kind}")

    def enable(self, server: str, enabled: bool) -> None:
        """Accept connections, or close all and refuse new ones. Raises `ScenarioFailed`."""
        self._send("POST", f"/proxies/{server}", {"enabled": enabled})

    def _send(self, method: str, path: str, body: Any = None) -> None:
        content = None if body is None else orjson.dumps(body)
        reply = self._pool.request(method, self._url + path, body=content)
        if reply.status >= 400:
            raise ScenarioFailed(f"the fault proxy answered {reply.status} to {method} {path}: {reply.data[:200]!r}")


def proxy_of(run: Run) -> FaultProxy:
    return FaultProxy(run.instance.block.servers["toxiproxy"])


@contextmanager
def latency(run: Run, server: str) -> Iterator[None]:
    """Each reply of the server arrives half a second later."""
    with _toxic(run, server, "latency", {"latency": LATENCY_MS}), run.fault(f"{server} latency"):
        yield


@contextmanager
def half_open(run: Run, server: str) -> Iterator[None]:
    """Connections stay open, new ones are accepted, and no byte of the server arrives; they are closed at the end."""
    with _toxic(run, server, "timeout", {"timeout": 0}), run.fault(f"{server} half-open"):
        yield


@contextmanager
def refused(run: Run, server: str) -> Iterator[None]:
    """All connections are closed and new ones are refused, as by a server that is stopped."""
    proxy = proxy_of(run)
    with run.fault(f"{server} refused"):
        proxy.enable(server, enabled=False)
        try:
            yield
        finally:
            proxy.enable(server, enabled=True)


@contextmanager
def resets(run: Run, server: str) -> Iterator[None]:
    """Every second some connections are reset, of those that exist and of those that are made.

    The proxy decides once per connection whether a fault applies to it, so the fault is set anew.
    """
    proxy, ending = proxy_of(run), threading.Event()
    failures: list[Exception] = []

    def reset() -> None:
        try:
            while not ending.is_set():
                proxy.add(server, "reset_peer", {"timeout": 0}, RESET_SHARE)
                ending.wait(RESET_EVERY_SECONDS)
                proxy.remove(server, "reset_peer")
        except Exception as failure:  # raised in the block's thread
            failures.append(failure)

    thread = threading.Thread(target=reset, name="resets", daemon=True)
    with run.fault(f"{server} resets"):
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()
    if failures:
        raise failures[0]


@contextmanager
def _toxic(run: Run, server: str, kind: str, attributes: Mapping[str, int]) -> Iterator[None]:
    proxy = proxy_of(run)
    proxy.add(server, kind, attributes)
    try:
        yield
    finally:
        proxy.remove(server, kind)
