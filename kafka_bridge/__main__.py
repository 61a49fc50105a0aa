"""Run the bridge: `python -m kafka_bridge`. On SIGTERM it waits for pending records and exits."""

import signal

import structlog

from kafka_bridge.bridge import Bridge
from kafka_bridge.settings import BridgeSettings
from services.chassis.observability import logs
from services.chassis.runtime import memory
from services.chassis.runtime.health_server import serve
from services.chassis.runtime.registry import BRIDGE, port_of
from services.chassis.runtime.settings import load


def main() -> None:
    settings = load(BridgeSettings, BRIDGE)
    logs.configure(BRIDGE, settings.log_level)
    bridge = Bridge(settings)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: bridge.stopping.set())
    serve(BRIDGE, settings.bind_host, port_of(BRIDGE, settings.port_base), bridge.health)
    structlog.get_logger().info("started")
    memory.settle()
    bridge.run()


if __name__ == "__main__":
    main()
