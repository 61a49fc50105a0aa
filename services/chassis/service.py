"""The base of every service: each worker starts in the context of the request or event that it works for."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.chassis import context


class RequestContext(DependencyProvider):
    """Makes what Nameko carried along (request id, user, trace, deadline) the worker's current context."""

    def worker_setup(self, worker_ctx: Any) -> None:
        context.enter(dict(worker_ctx.data))


class Service:
    """A Nameko service of ours. Subclasses name themselves and declare their stores, remotes and entrypoints."""

    name: str
    request_context = RequestContext()
