"""Distributed tracing: a caller's trace through two services to the collector."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.chassis.messaging.rpc_client import RpcClient
from tests.service.chassis.conftest import ServiceProcesses
from tests.support.shop import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """A fake OpenTelemetry collector that receives OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[str, str]] = {}
        """(trace id, parent span id) of each span, by its name."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

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


def test_call_is_traced_across_services(processes: ServiceProcesses, client: RpcClient, collector: Collector) -> None:
    worker = processes.start("worker", ULTRAMARKET_OTLP_ENDPOINT=collector.url)
    caller = processes.start("caller", OTHER=worker.name, ULTRAMARKET_OTLP_ENDPOINT=collector.url)
    context = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}

    client.call(caller.name, "forward", context=context, method="echo", arguments={"value": 1})

    called = {f"{caller.name}.forward", f"{worker.name}.echo"}
    assert eventually(lambda: called <= set(collector.spans)), collector.spans
    assert {collector.spans[name][0] for name in called} == {TRACE}
    assert collector.spans[f"{caller.name}.forward"][1] == "00f067aa0ba902b7"
    assert collector.spans[f"{worker.name}.echo"][1] not in ("", "00f067aa0ba902b7")
