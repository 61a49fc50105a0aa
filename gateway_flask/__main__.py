"""`python -m gateway_flask`: serve until told to stop, then finish what runs."""

import os

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from gateway_flask.settings import GatewaySettings
from services.chassis.registry import GATEWAY, port_of
from services.chassis.settings import load


def main() -> None:
    """Start the server with the settings of the environment."""
    settings = load(GatewaySettings)
    os.environ["ULTRAMARKET_GATEWAY_MAIN_PID"] = str(os.getpid())
    Granian(
        "gateway_flask.app:main",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.bind_host,
        port=port_of(GATEWAY, settings.port_base),
        workers=settings.gateway_processes,
        blocking_threads=settings.gateway_threads,
        backpressure=settings.gateway_threads * 4,
        backlog=2048,
        http1_settings=HTTP1Settings(max_buffer_size=512 * 1024),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=settings.gateway_stop_seconds,
        log_level=LogLevels.warning,
        log_access=False,
    ).serve()


if __name__ == "__main__":
    main()
