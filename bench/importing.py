"""Rate of imports: `python -m bench.importing --instance NAME [--products 2000]`.

Rows go through POST /products/import, a hundred at a time. The clock stops when all of them are in the list, have
their stock there, and are found by search with it. Beside it: CPU by process, and a fixed loop of pure Python before
and after, as the speed of the machine changes.
"""

import argparse
import random
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
from rich.console import Console

from bench import costs
from bench.stage import Stage
from bench.works import connection

ROWS = 100
LOOPS = 2_000_000
POLL_SECONDS = 0.1
LIMIT_SECONDS = 300.0
NOUNS = ("mug", "lamp", "chair", "table", "knife", "kettle", "pillow", "mirror", "clock", "basket")
KINDS = ("steel", "oak", "linen", "glass", "ceramic", "bamboo", "leather", "copper", "marble", "cotton")


def rows(run: str, count: int) -> Iterator[dict[str, Any]]:
    """Products of a made-up shop, with the fields that imports usually have."""
    chance = random.Random(run)
    for number in range(count):
        kind, noun = chance.choice(KINDS), chance.choice(NOUNS)
        yield {
            "external_id": f"{run}-{number}",
            "title": f"{kind.title()} {noun} {chance.choice(KINDS)} {run} {number}",
            "description": f"A {noun} of {kind} for the kitchen and the dining room, made to last for years. " * 3,
            "brand": f"Brand {run}",
            "category": f"Imports/{noun.title()}",
            "tags": [kind, noun],
            "attributes": {"material": kind, "warranty": f"{chance.randint(1, 5)} years"},
            "variants": [
                {
                    "sku": f"{run}-{number}".upper(),
                    "price": {"amount": chance.randint(100, 50_000), "currency": "USD"},
                    "weight_g": chance.randint(50, 5_000),
                    "stock": chance.randint(1, 500),
                }
            ],
        }


def floor_seconds() -> float:
    """CPU seconds of a fixed loop."""
    begun = time.process_time()
    total = 0
    for number in range(LOOPS):
        total += number % 7
    assert total
    return time.process_time() - begun


def measure(stage: Stage, count: int, clients: int) -> dict[str, Any]:
    """Import `count` new products; seconds until each read model has all of them, and CPU by process."""
    run = f"imp{uuid.uuid4().hex[:6]}"
    bodies = _bodies(run, count)
    headers = stage.administrator(connection(stage.url))
    listed = costs.processes(stage.instance)
    floors, before = [floor_seconds()], costs.cpu_seconds(listed)
    begun = time.monotonic()
    _send(stage.url, bodies, headers, clients)
    seconds = {"accepted": time.monotonic() - begun}
    client = connection(stage.url)
    targets = {
        "listed": f"/products?brand=Brand%20{run}&limit=1",
        "stocked": f"/products?brand=Brand%20{run}&limit=1&in_stock=true",
        "searchable": f"/search?q={run}&limit=1&in_stock=true",
    }
    while targets:
        for name, path in list(targets.items()):
            status, _, body = client.request("GET", path)
            complete = status == 200 and b'"degraded":true' not in body
            total = orjson.loads(body)["pagination"]["total"] if complete else 0
            if total == count:
                seconds[name] = time.monotonic() - begun
                del targets[name]
            elif time.monotonic() - begun > LIMIT_SECONDS:
                raise RuntimeError(f"{name}: {total} of {count}")
        time.sleep(POLL_SECONDS)
    after = costs.cpu_seconds(listed)
    _settle(listed)
    settled = costs.cpu_seconds(listed)
    floors.append(floor_seconds())
    return {
        "products": count,
        "clients": clients,
        "floor_ms": [round(1000 * each, 1) for each in floors],
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "per_second": round(count / max(seconds.values())),
        "cpu_ms_per_product": costs.spent(before, after, count),
        "cpu_ms_per_product_with_what_follows": costs.spent(before, settled, count),
    }


def _bodies(run: str, count: int) -> list[dict[str, Any]]:
    products = list(rows(run, count))
    return [{"products": products[start : start + ROWS]} for start in range(0, count, ROWS)]


def _send(url: str, bodies: list[dict[str, Any]], headers: dict[str, str], clients: int) -> None:
    remaining, failures = iter(bodies), []
    lock = threading.Lock()

    def send() -> None:
        client = connection(url)
        while True:
            with lock:
                body = next(remaining, None)
            if body is None:
                return
            status, _, answer = client.request("POST", "/products/import", body, headers)
            if status != 200 or orjson.loads(answer)["data"]["created"] != len(body["products"]):
                failures.append(answer[:300])
                return

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0].decode())


def _settle(listed: list[dict[str, Any]]) -> None:
    """Wait until the processes are as quiet as they are without work: Kafka, the audit trail, analytics."""
    busy = sum(costs.cpu_seconds(listed).values())
    while True:
        time.sleep(2)
        now = sum(costs.cpu_seconds(listed).values())
        if now - busy < 0.6:
            return
        busy = now


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.importing", description=__doc__)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--times", type=int, default=2)
    arguments = parser.parse_args()
    stage, console = Stage(arguments.instance), Console(width=200)
    for _ in range(arguments.times):
        result = measure(stage, arguments.products, arguments.clients)
        for name in ("cpu_ms_per_product", "cpu_ms_per_product_with_what_follows"):
            result[f"{name}_total"] = round(sum(result[name].values()), 2)
        console.print(result)


if __name__ == "__main__":
    main()
