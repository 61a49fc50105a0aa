"""Middleware: request context, authentication, idempotency, rate limits, access log, tracing."""
