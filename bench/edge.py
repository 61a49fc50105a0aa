"""Costs of nginx and of the rate limits: the same works through nginx, at the gateway, and at a gateway without limits.

`python -m bench.edge --instance NAME`: ratios of throughput, all measured alternately in one run, medians of rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from bench import load
from bench.stage import Stage
from bench.works import Browsing, Buying, connection
from services.chassis.runtime.registry import GATEWAY, port_of

ROUNDS = 5
NGINX, DIRECT, UNLIMITED = "through nginx", "gateway", "gateway without limits"
UNLIMITED_BASE_OFFSET = 30_000
LIMITS = ("SIGN_IN", "WRITES", "READS", "KEY_WRITES", "KEY_READS")


def main() -> None:
    """Parse the arguments, measure, print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.edge", description=__doc__)
    parser.add_argument("--instance", default="bench", help="a running instance")
    parser.add_argument("--seconds", type=float, default=2, help="how long each loop runs in each round")
    arguments = parser.parse_args()
    stage = Stage(arguments.instance)
    ids, skus = stage.fill()
    base = int(os.environ["ULTRAMARKET_PORT_BASE"])
    console, table = Console(), Table("work", "clients", NGINX, DIRECT, UNLIMITED, "nginx/gateway", "limits/none")
    with gateway_without_limits(base) as unlimited:
        urls = {NGINX: stage.url, DIRECT: f"http://127.0.0.1:{port_of(GATEWAY, base)}", UNLIMITED: unlimited}
        for work in ("product_detail", "list_products", "add_to_cart"):
            for clients in (1, 16):
                rates = measure(urls, ids, skus, work, clients, arguments.seconds)
                ratios = (rates[NGINX] / rates[DIRECT], rates[DIRECT] / rates[UNLIMITED])
                table.add_row(
                    work, str(clients), *(f"{rates[name]:.0f}/s" for name in urls), *map("{:.2f}".format, ratios)
                )
    console.print(table)


def measure(
    urls: dict[str, str], ids: list[str], skus: list[str], work: str, clients: int, seconds: float
) -> dict[str, float]:
    """Operations per second at each URL."""
    rates: dict[str, list[float]] = {name: [] for name in urls}
    for _ in range(ROUNDS):
        for name, url in urls.items():
            maker = getattr(Buying(url, skus) if work == "add_to_cart" else Browsing(url, ids), work)
            result = load.run(maker, clients, seconds)
            if result.errors:
                raise RuntimeError(f"{work} at {name}: {result.errors}")
            rates[name].append(result.per_second)
    return {name: statistics.median(values) for name, values in rates.items()}


@contextmanager
def gateway_without_limits(base: int) -> Iterator[str]:
    """A second gateway beside the instance's own; its URL."""
    environment = os.environ | {f"ULTRAMARKET_RATE_LIMIT_{name}": "" for name in LIMITS}
    environment["ULTRAMARKET_PORT_BASE"] = str(base + UNLIMITED_BASE_OFFSET)
    process = subprocess.Popen([sys.executable, "-m", "gateway_flask"], env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port_of(GATEWAY, base + UNLIMITED_BASE_OFFSET)}"
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                connection(url).request("GET", "/products?limit=1")
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(15)


if __name__ == "__main__":
    main()
