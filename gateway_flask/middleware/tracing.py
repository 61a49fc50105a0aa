"""OpenTelemetry span for each request, when `ULTRAMARKET_OTLP_ENDPOINT` is set."""

from flask import Flask, Response, g, request

from services.chassis.observability import tracing


def install(app: Flask, endpoint: str) -> None:
    """Open a span with each request, below the client's own trace if it sent one, and close it with the reply."""
    if not endpoint:
        return
    tracing.configure("gateway", endpoint)

    def open_span() -> None:
        visit = g.request_context
        rule = request.url_rule
        data = {"traceparent": visit.traceparent, "request_id": visit.request_id}
        g.span = tracing.begin(f"{request.method} {rule.rule if rule else 'none'}", data)
        visit.traceparent = data["traceparent"]

    def close_span(response: Response) -> Response:
        span = g.get("span")
        if span is not None:
            span.set_attribute("http.response.status_code", response.status_code)
            tracing.end(span)
        return response

    app.before_request(open_span)
    app.after_request(close_span)
