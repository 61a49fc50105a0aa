"""The smallest service on the chassis, to measure what that costs: `python -m bench.echo_service PORT`."""

import services.green  # noqa: F401, I001 - before everything else

import sys

from services.chassis.rpc import rpc
from services.chassis.runner import serve
from services.chassis.service import Service
from services.chassis.settings import Settings, load


class EchoService(Service):
    name = "echo"

    @rpc
    def echo(self, text: str) -> str:
        """Say it again."""
        return text


if __name__ == "__main__":
    serve({EchoService: int(sys.argv[1])}, load(Settings))
