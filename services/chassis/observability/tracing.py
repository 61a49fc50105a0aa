"""OpenTelemetry traces, sent to a collector when `ULTRAMARKET_OTLP_ENDPOINT` is set.

Off, nothing of OpenTelemetry is loaded and nothing is measured; the W3C `traceparent` travels all the same, so a
request can be followed through the logs and to its Kafka records.
"""

from typing import Any

_tracer: Any = None


def configure(process: str, endpoint: str) -> None:
    """Send spans of this process to the collector at `endpoint` (OTLP over HTTP); nothing is sent when it is empty."""
    global _tracer
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": process, "service.namespace": "ultramarket"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _tracer = provider.get_tracer("ultramarket")


def begin(name: str, data: dict[str, Any]) -> Any:
    """Start a span below the trace of `data["traceparent"]`, which becomes the span's own.

    None when tracing is off.
    """
    if _tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    parent = propagator.extract({"traceparent": data["traceparent"]} if data.get("traceparent") else {})
    attributes = {key: data[key] for key in ("request_id", "user_id") if data.get(key)}
    span = _tracer.start_span(name, context=parent, attributes=attributes)
    identity = span.get_span_context()
    flags = int(identity.trace_flags)
    data["traceparent"] = f"00-{identity.trace_id:032x}-{identity.span_id:016x}-{flags:02x}"
    return span


def end(span: Any, error: BaseException | None = None) -> None:
    """End a span, with the error if there was one."""
    if span is None:
        return
    if error is not None:
        from opentelemetry.trace.status import Status, StatusCode

        span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
    span.end()
