"""Administrators' texts, rendered in a worker process; the shop's own are rendered in the service."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.runtime.worker_pool import WorkerPool

SECONDS: Final = 1.0
"""Time in which the texts of a message must be rendered."""
WORKERS: Final = 2


class TextRefused(ValueError):
    """The text does not fit its facts, or exceeds a limit of time, memory or length."""


def render(texts: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Render the texts of a message. Raises `TextRefused`, or `ServiceUnavailable` if the worker was lost."""
    try:
        reply = _workers().request({"texts": dict(texts), "facts": dict(facts)})
    except TimeoutError as slow:
        raise TextRefused("the text takes too long") from slow
    except OSError as ended:
        raise ServiceUnavailable("The text could not be rendered") from ended
    if "error" in reply:
        raise TextRefused(reply["error"])
    return dict(reply["texts"])


@lru_cache(maxsize=1)
def _workers() -> WorkerPool:
    return WorkerPool("services.notifications.text_worker", WORKERS, SECONDS)
