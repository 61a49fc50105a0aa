"""The base class of services; each worker starts in the context of its request or event."""

from typing import Any
from weakref import WeakKeyDictionary

from nameko.extensions import DependencyProvider

from services.chassis.common import context
from services.chassis.observability import tracing
from services.chassis.runtime.settings import Settings, load


class RequestContext(DependencyProvider):
    """Sets the worker's context (request id, user, trace, deadline) from Nameko's message headers."""

    def __init__(self) -> None:
        self._spans: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def worker_setup(self, worker_ctx: Any) -> None:
        name = f"{worker_ctx.service_name}.{worker_ctx.entrypoint.method_name}"
        if (span := tracing.begin(name, worker_ctx.data)) is not None:
            self._spans[worker_ctx] = span
        context.enter(dict(worker_ctx.data))

    def worker_result(self, worker_ctx: Any, result: Any = None, exc_info: Any = None) -> None:
        if self._spans:
            tracing.end(self._spans.pop(worker_ctx, None), exc_info[1] if exc_info else None)


class Configured(DependencyProvider):
    """The service's own settings: `settings = Configured(OrderSettings)`. A wrong one ends the process at start."""

    def __init__(self, settings_class: type[Settings]) -> None:
        self.settings_class = settings_class

    def setup(self) -> None:
        self.settings = load(self.settings_class, self.container.service_name)

    def get_dependency(self, worker_ctx: Any) -> Settings:
        return self.settings


class Service:
    """A Nameko service of ours. Subclasses name themselves and declare their stores, remotes and entrypoints."""

    name: str
    request_context = RequestContext()
