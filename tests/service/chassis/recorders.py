"""The event handlers of services with their bodies replaced: each records the ids of the events that it is called with.

`python -m tests.service.chassis.recorders SUFFIX SERVICE:PORT…` runs them in one process, as SERVICE-SUFFIX each.
"""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import os
import sys
from collections.abc import Callable
from typing import Any

import redis

from services.chassis.messaging.batches import OnBatch
from services.chassis.messaging.events import OnEvent
from services.chassis.runtime.runner import serve
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import Settings, load
from tests.support.handlers import handlers

marks = redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"], decode_responses=True)


def recorder(service: str, name: str) -> type[Service]:
    """A service with the same event handlers, under another name."""

    def mark(text: str) -> None:
        marks.rpush(f"marks:{name}", text)

    methods = {method: _recording(method, entrypoints, mark) for method, entrypoints in handlers(service).items()}
    return type(f"{service.title()}Recorder", (Service,), {"name": name, **methods})


def _recording(method: str, entrypoints: list[OnEvent], mark: Callable[[str], None]) -> Any:
    def record(_service: Any, events: Any) -> None:
        for event in events if isinstance(events, list) else [events]:
            mark(f"{method} {event.meta.id}")

    record.__name__ = method
    for entrypoint in entrypoints:
        if isinstance(entrypoint, OnBatch):
            record = OnBatch.decorator(entrypoint.event, entrypoint.size, entrypoint.seconds)(record)
        else:
            record = OnEvent.decorator(entrypoint.event)(record)
    return record


def main(suffix: str, *ports: str) -> None:
    pairs = [pair.split(":") for pair in ports]
    serve({recorder(service, f"{service}-{suffix}"): int(port) for service, port in pairs}, load(Settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
