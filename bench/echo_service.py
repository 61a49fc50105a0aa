"""The smallest service on the chassis, to measure what that costs: `python -m bench.echo_service PORT`."""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import sys

from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.runner import serve
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import Settings, load


class EchoService(Service):
    name = "echo"

    @rpc
    def echo(self, text: str) -> str:
        """Say it again."""
        return text


if __name__ == "__main__":
    serve({EchoService: int(sys.argv[1])}, load(Settings))
