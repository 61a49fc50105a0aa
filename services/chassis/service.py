"""The base of every service: each worker starts in the context of the request or event that it works for."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.chassis import context
from services.chassis.settings import Settings, load


class RequestContext(DependencyProvider):
    """Makes what Nameko carried along (request id, user, trace, deadline) the worker's current context."""

    def worker_setup(self, worker_ctx: Any) -> None:
        context.enter(dict(worker_ctx.data))


class Configured(DependencyProvider):
    """The service's own settings: `settings = Configured(OrderSettings)`. A wrong one ends the process at start."""

    def __init__(self, settings_class: type[Settings]) -> None:
        self.settings_class = settings_class

    def setup(self) -> None:
        self.settings = load(self.settings_class)

    def get_dependency(self, worker_ctx: Any) -> Settings:
        return self.settings


class Service:
    """A Nameko service of ours. Subclasses name themselves and declare their stores, remotes and entrypoints."""

    name: str
    request_context = RequestContext()
