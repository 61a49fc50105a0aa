"""Timers: `@every(seconds=30)`. One run at a time per process; other processes may run it at the same time."""

from typing import Any

from nameko.timer import Timer

from services.chassis.common.driver_errors import as_domain_error


class Every(Timer):
    """Nameko's timer by a named number of seconds. A run that fails is logged and the next one comes as usual."""

    def __init__(self, seconds: float, **kwargs: Any) -> None:
        super().__init__(interval=seconds, **kwargs)

    def handle_result(self, worker_ctx: Any, result: Any, exc_info: Any) -> Any:
        if exc_info and as_domain_error(exc_info[1]):
            exc_info = None  # a server is away: said in the log, and tried again at the next tick
        return super().handle_result(worker_ctx, result, exc_info)


every = Every.decorator
