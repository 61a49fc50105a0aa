"""`python -m gateway_flask`: serve until SIGTERM or SIGINT, then finish running requests."""

import os
import resource
from typing import Final

# setproctitle, which granian uses where it is installed, would overwrite the environment by which processes of an
# instance are recognised: https://github.com/dvarrazzo/py-setproctitle#environment-variables
os.environ.setdefault("SPT_NOENV", "1")

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from gateway_flask.settings import GatewaySettings
from services.chassis.runtime.registry import GATEWAY, port_of
from services.chassis.runtime.settings import load

OTHER_FILES: Final = 256
"""Upper bound of files that a process opens beside its clients' connections."""

BUSY_AREAS: Final = 4
"""Areas of the API that can be at their limits at once, beside the waiting requests, before others find no thread.
Threads are made as they are needed.
"""

OVERLAP_SECONDS: Final = 20.0
"""After SIGHUP: time in which the new worker starts while the old one still answers, longer than a start on a busy
machine.
"""


def main() -> None:
    """Start the server with the settings of the environment."""
    settings = load(GatewaySettings, GATEWAY)
    _allow_open_files(settings.gateway_connections + OTHER_FILES)
    os.environ["ULTRAMARKET_GATEWAY_MAIN_PID"] = str(os.getpid())
    Granian(
        "gateway_flask.app:main",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.bind_host,
        port=port_of(GATEWAY, settings.port_base),
        workers=settings.gateway_processes,
        blocking_threads=settings.gateway_waiting + BUSY_AREAS * settings.gateway_threads,
        backpressure=settings.gateway_connections,  # counts connections: a browser that reads holds one as well
        backlog=2048,
        http1_settings=HTTP1Settings(max_buffer_size=512 * 1024),
        respawn_failed_workers=True,
        respawn_interval=OVERLAP_SECONDS,
        workers_kill_timeout=settings.gateway_stop_seconds,
        log_level=LogLevels.warning,
        log_access=False,
    ).serve()


def _allow_open_files(wanted: int) -> None:
    """Raise the limit of open files as far as allowed: a shell's 1024 are not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


if __name__ == "__main__":
    main()
