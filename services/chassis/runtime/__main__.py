"""Run services in this process: `python -m services.chassis.runtime NAME…`."""

import services.chassis.runtime.monkey_patch  # noqa: F401, I001 - before everything else

import sys

from services.chassis.runtime.registry import SERVICES
from services.chassis.runtime.runner import run


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in SERVICES]
    if not names or unknown:
        sys.stderr.write(f"usage: python -m services.chassis.runtime NAME…\nNAME: {', '.join(SERVICES)}\n")
        raise SystemExit(64)
    run(names)


if __name__ == "__main__":
    main(sys.argv[1:])
