"""Elasticsearch: one transport per process with a pool and time-outs.

Only the transport of the official client (`elastic_transport`: pool, nodes, time-outs, errors), with bodies and paths
of our own: importing the whole client costs thirty megabytes and seconds in each process.
"""

import logging
from collections.abc import Iterable
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from elastic_transport import NodeConfig, OrjsonSerializer, Transport, Urllib3HttpNode
from elastic_transport.client_utils import basic_auth_to_header, url_to_node_config
from nameko.extensions import DependencyProvider

from services.chassis.common.errors import ServiceUnavailable

S = TypeVar("S", bound="ElasticStore")

Document = dict[str, Any]
logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # it has a line for each request

SECONDS = 5.0
CERTIFICATES = ("ca_certs", "client_cert", "client_key")
"""Parameters of a URL: files for TLS. The server is always verified."""
OVERLOADED = (429, 502, 503, 504)
_JSON = {"accept": "application/json", "content-type": "application/json"}
_LINES = {"accept": "application/json", "content-type": "application/x-ndjson"}


class ElasticError(Exception):
    """A request that Elasticsearch refuses: a bug of ours, or something that isn't there."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        error = body.get("error") if isinstance(body, dict) else None
        self.kind: str = error.get("type", "") if isinstance(error, dict) else ""
        super().__init__(f"{status} {self.kind}: {str(body)[:500]}")


def connect(urls: str, size: int = 10, seconds: float = SECONDS) -> Transport:
    """A transport to one node, or to several (URLs with a comma between), with so many connections to each."""
    nodes = [_node(url.strip(), size, seconds) for url in urls.split(",")]
    return Transport(
        nodes,
        node_class=Urllib3HttpNode,
        serializers={OrjsonSerializer.mimetype: OrjsonSerializer()},
        max_retries=0,
        meta_header=False,
    )


def _node(url: str, size: int, seconds: float) -> NodeConfig:
    parts = urlsplit(url)
    headers = {}
    if parts.username:
        headers["authorization"] = basic_auth_to_header((unquote(parts.username), unquote(parts.password or "")))
        url = url.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1)
    files = {name: path for name, path in parse_qsl(parts.query) if name in CERTIFICATES}
    node = url_to_node_config(url.partition("?")[0], use_default_ports_for_scheme=True)
    return node.replace(connections_per_node=size, request_timeout=seconds, headers=headers, **files)


class ElasticStore:
    """The base of a store: `self.request`, `self.bulk`. Names of indexes begin with `prefix`, the service's own."""

    def __init__(self, transport: Transport, prefix: str) -> None:
        self.transport = transport
        self.prefix = prefix

    def prepare(self) -> None:
        """Make the indexes; idempotent. A service calls it until it succeeds: Elasticsearch may come later."""

    def request(
        self, method: str, path: str, body: Any = None, *, seconds: float | None = None, allow: Iterable[int] = ()
    ) -> Any:
        """The reply's JSON; with a status in `allow` too. Raises `ElasticError`, `ServiceUnavailable`, and
        `elastic_transport.TransportError`, which is the same as the latter to a caller of ours.
        """
        raw = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        options = {} if seconds is None else {"request_timeout": seconds}
        reply = self.transport.perform_request(method, path, body=raw, headers=_JSON, **options)  # type: ignore[arg-type]
        return _checked(reply.meta.status, reply.body, allow)

    def bulk(self, lines: Iterable[Any], path: str = "/_bulk", *, seconds: float | None = None) -> list[Document]:
        """The outcome of each action, in order. Raises only for a request that failed as a whole."""
        raw = b"\n".join(orjson.dumps(line) for line in lines) + b"\n"
        options = {} if seconds is None else {"request_timeout": seconds}
        reply = self.transport.perform_request("POST", path, body=raw, headers=_LINES, **options)  # type: ignore[arg-type]
        return [next(iter(item.values())) for item in _checked(reply.meta.status, reply.body)["items"]]


def _checked(status: int, body: Any, allow: Iterable[int] = ()) -> Any:
    if 200 <= status < 300 or status in allow:
        return body
    if status in OVERLOADED:
        raise ServiceUnavailable("The search engine is overloaded or starting")
    raise ElasticError(status, body)


class Elastic(DependencyProvider, Generic[S]):
    """Gives each worker the store."""

    kind = "elasticsearch"

    def __init__(self, store_class: type[S]) -> None:
        self.store_class = store_class

    def setup(self) -> None:
        settings = self.container.config["SETTINGS"]
        self.transport = connect(settings.elasticsearch_url, settings.workers + 8)
        self.store = self.store_class(self.transport, index_prefix(self.container.service_name))

    def get_dependency(self, worker_ctx: Any) -> S:
        return self.store

    def stop(self) -> None:
        self.transport.close()

    def ping(self) -> None:
        """Raise `ServiceUnavailable` for a red cluster: its replies would be incomplete."""
        state = self.store.request("GET", "/_cluster/health", seconds=2)["status"]
        if state == "red":
            raise ServiceUnavailable("The cluster is red")


def index_prefix(service: str) -> str:
    """The prefix of a service's index names; no other service reads them."""
    return f"ultramarket_{service}"


def open_store(store_class: type[S], url: str, prefix: str, size: int = 32) -> S:
    """A store outside of a service: for tools and tests."""
    return store_class(connect(url, size), prefix)
