"""Run services: `python -m services.run orders`, or several in one process: `python -m services.run auth users`."""

import services.green  # noqa: F401, I001 - before everything else

import sys

from services.chassis.registry import SERVICES
from services.chassis.runner import run


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in SERVICES]
    if not names or unknown:
        sys.stderr.write(f"usage: python -m services.run NAME…\nNAME: {', '.join(SERVICES)}\n")
        raise SystemExit(64)
    run(names)


if __name__ == "__main__":
    main(sys.argv[1:])
