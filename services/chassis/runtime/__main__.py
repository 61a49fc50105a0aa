"""Run services in this process: `python -m services.chassis.runtime NAME…`."""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import argparse
from collections.abc import Sequence

from services.chassis.runtime.registry import SERVICES
from services.chassis.runtime.runner import run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m services.chassis.runtime", description="Run services in this process.")
    parser.add_argument("names", nargs="+", choices=SERVICES, metavar="NAME", help=", ".join(SERVICES))
    parser.add_argument(
        "--free-ports",
        action="store_true",
        help="answer health and metrics on free ports: for a second process of a service on one machine",
    )
    options = parser.parse_args(arguments)
    run(options.names, free_ports=options.free_ports)


if __name__ == "__main__":
    main()
