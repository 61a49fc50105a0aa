"""Run the process of subscriptions: `python -m gateway_flask.subscriptions`."""

import asyncio
import logging
import os
import signal

import structlog

from gateway_flask.middleware import revocations
from gateway_flask.settings import GatewaySettings
from gateway_flask.subscriptions.application import application
from gateway_flask.subscriptions.server import SubscriptionServer
from services.chassis.dynamic_config import config
from services.chassis.observability import logs
from services.chassis.runtime import memory
from services.chassis.runtime.registry import GATEWAY_WS, port_of
from services.chassis.runtime.settings import load

CONFIG_SECONDS = 1.0
"""Seconds to wait at start for the roles in force."""


def main() -> None:
    settings = load(GatewaySettings, GATEWAY_WS)
    logs.configure(GATEWAY_WS, settings.log_level)
    logging.getLogger("websockets").setLevel(logging.WARNING)
    config.follow(settings.amqp_url, os.environ.get("ULTRAMARKET_HOME")).wait(CONFIG_SECONDS)
    app = application(settings)
    revocations.follow(app, settings)
    structlog.get_logger().info("started")
    memory.settle()
    asyncio.run(_serve(SubscriptionServer(app, settings), settings))


async def _serve(server: SubscriptionServer, settings: GatewaySettings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await server.run(settings.bind_host, port_of(GATEWAY_WS, settings.port_base), stopped)


if __name__ == "__main__":
    main()
