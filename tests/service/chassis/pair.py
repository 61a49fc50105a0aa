"""Two services in one process: `python -m tests.service.chassis.pair NAME PORT OTHER_PORT`."""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import os
import sys
from typing import Any, Protocol

import eventlet
from eventlet import patcher
from nameko.extensions import DependencyProvider

from services.chassis.common import context
from services.chassis.common.errors import OutOfStock
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.runner import serve
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import Settings, load

NAME = sys.argv[1] if len(sys.argv) > 1 else "pair"


class Crash(DependencyProvider):
    """`self.crash()` ends the service's container, as a lost consumer does."""

    def get_dependency(self, worker_ctx: Any) -> Any:
        return lambda: self.container.spawn_managed_thread(self._fail)

    def _fail(self) -> None:
        eventlet.sleep(
            0.2
        )  # the reply is sent first: an unacknowledged request would be redelivered, and crash the service again
        raise KeyError("crash on demand")


class FragileRpc(Protocol):
    """The methods of `Fragile` that `Steady` calls; the interface's module names the service."""

    def pid(self) -> Any: ...
    def get_context(self) -> Any: ...
    def refuse(self, value: Any) -> Any: ...
    def sleep(self, seconds: float) -> Any: ...


FragileRpc.__module__ = f"schemas.rpc.{NAME}-fragile"


class Steady(Service):
    """A service that must not be affected by crashes of the other one, which it calls."""

    name = NAME
    fragile = Remote(FragileRpc, deadline=2.0)

    @rpc
    def pid(self) -> int:
        return os.getpid()

    @rpc
    def forward(self, method: str, arguments: dict[str, Any]) -> Any:
        return getattr(self.fragile, method)(**arguments)


class Fragile(Service):
    """A service that crashes and blocks on demand."""

    name = f"{NAME}-fragile"
    crash = Crash()

    @rpc
    def pid(self) -> int:
        return os.getpid()

    @rpc
    def get_context(self) -> dict[str, Any]:
        return context.carried() | {"left": context.remaining(60)}

    @rpc
    def refuse(self, value: Any) -> None:
        raise OutOfStock("There is too little", [{"value": value}])

    @rpc
    def sleep(self, seconds: float) -> int:
        eventlet.sleep(seconds)
        return os.getpid()

    @rpc
    def crash_now(self) -> None:
        self.crash()

    @rpc
    def block(self, seconds: float) -> None:
        patcher.original("time").sleep(seconds)


if __name__ == "__main__":
    serve({Steady: int(sys.argv[2]), Fragile: int(sys.argv[3])}, load(Settings))
