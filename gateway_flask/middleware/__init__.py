"""What runs around every request: context, authentication, idempotency, rate limits, access log, tracing."""
