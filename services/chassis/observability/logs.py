"""Logs: one JSON object per line, with service, request id and user id."""

import logging
import sys
from contextvars import ContextVar

import orjson
import structlog

service_name: ContextVar[str] = ContextVar("service_name")
"""The service that the current greenthread works for: a process may run several."""

_SECRETS = ("password", "token", "secret", "authorization", "card", "cookie")


def _redact(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: object, value: object) -> object:
    """The value without secrets: values under names such as `password` are masked, at any depth."""
    if any(word in str(key).lower() for word in _SECRETS):
        return "***"
    if isinstance(value, dict):
        return {inner: _masked(inner, of_it) for inner, of_it in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", item) for item in value]
    return value


def configure(process: str, level: str = "INFO") -> None:
    """Send structlog's and the standard library's records to standard output as JSON lines."""

    def name_process(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process  # not a context variable: workers' greenthreads have contexts of their own
        if service := service_name.get(None):
            event.setdefault("service", service)
        return event

    shared: list[structlog.typing.Processor] = [
        name_process,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(serializer=lambda value, **_: _dumps(value).decode()),
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("kombu", "amqp", "nameko", "pymongo", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # business errors are answers, not incidents: their tracebacks are neither kept nor paid for
    logging.getLogger("nameko.containers").setLevel(logging.ERROR)


def _dumps(value: object, **_: object) -> bytes:
    return orjson.dumps(value, default=str)
