"""Traces: from a caller's own trace, through two services, to the collector."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import Stage
from tests.support.shop import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """Takes OTLP over HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[str, str]] = {}
        """Of each span, by its name: its trace and its parent."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.name] = (span.trace_id.hex(), span.parent_span_id.hex())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def test_call_is_traced_across_services(stage: Stage, client: RpcClient, collector: Collector) -> None:
    worker = stage.start("worker", ULTRAMARKET_OTLP_ENDPOINT=collector.url)
    front = stage.start("front", OTHER=worker.name, ULTRAMARKET_OTLP_ENDPOINT=collector.url)
    context = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}

    client.call(front.name, "ask", context=context, method="echo", arguments={"value": 1})

    called = {f"{front.name}.ask", f"{worker.name}.echo"}
    assert eventually(lambda: called <= set(collector.spans)), collector.spans
    assert {collector.spans[name][0] for name in called} == {TRACE}
    assert collector.spans[f"{front.name}.ask"][1] == "00f067aa0ba902b7"
    assert collector.spans[f"{worker.name}.echo"][1] not in ("", "00f067aa0ba902b7")
