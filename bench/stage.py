"""Preparation of a measurement: an instance, a thousand products, an echo service."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench.works import connection

BIN = Path(sys.executable).parent
PRODUCTS = 1000
STOCK = 1_000_000
ECHO_PORT_OFFSET = 40


class Stage:
    """An instance that runs, with its environment in this process's."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        environment = json.loads(self.ultramarket("env", "--all", "--json"))
        os.environ.update({name: str(value) for name, value in environment.items()})
        self.url = os.environ["ULTRAMARKET_URL"]
        self.amqp_url = os.environ["ULTRAMARKET_AMQP_URL"]

    def ultramarket(self, *arguments: str) -> str:
        command = [str(BIN / "ultramarket"), "--instance", self.instance, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout

    def fill(self) -> tuple[list[str], list[str]]:
        """Make a thousand products, unless they are there. Their ids, and SKUs that there are a million of."""
        client = connection(self.url)
        if client.request("GET", f"/products/bench-product-{PRODUCTS - 1}")[0] != 200:
            headers = self.administrator(client)
            for start in range(0, PRODUCTS, 100):
                rows = [product_row(number) for number in range(start, start + 100)]
                _data(client.request("POST", "/products/import", {"products": rows}, headers))
        skus = [f"BENCH-{number:04d}" for number in range(0, PRODUCTS, 20)]
        ids = [_data(client.request("GET", f"/products/bench-product-{number}"))["id"] for number in range(PRODUCTS)]
        _wait_until_stocked(client)
        return ids, skus

    def administrator(self, client: Any) -> dict[str, str]:
        """The headers of the administrator's requests."""
        credentials = {
            "email": os.environ["ULTRAMARKET_ADMIN_EMAIL"],
            "password": os.environ["ULTRAMARKET_ADMIN_PASSWORD"],
        }
        token = _data(client.request("POST", "/auth/login", credentials))["access_token"]
        return {"Authorization": f"Bearer {token}"}

    @contextmanager
    def echo_service(self) -> Iterator[int]:
        """The echo service beside the instance; its pid."""
        port = int(os.environ["ULTRAMARKET_PORT_BASE"]) + ECHO_PORT_OFFSET
        process = subprocess.Popen([sys.executable, "-m", "bench.echo_service", str(port)], stdout=subprocess.DEVNULL)
        try:
            _wait_until_ready(port)
            yield process.pid
        finally:
            process.terminate()
            process.wait(15)


def bring_up(instance: str, *options: str) -> Stage:
    """Start an instance, if it does not run, with these options of `up`."""
    command = [str(BIN / "ultramarket"), "--instance", instance, "up", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Stage(instance)


def product_row(number: int) -> dict[str, Any]:
    return {
        "external_id": f"bench-{number}",
        "title": f"Bench product {number}",
        "slug": f"bench-product-{number}",
        "description": "A product that is there to be measured. " * 5,
        "brand": f"Brand {number % 25}",
        "category": f"Bench/Part {number % 10}",
        "tags": ["bench", f"tag{number % 7}"],
        "variants": [
            {
                "sku": f"BENCH-{number:04d}",
                "price": {"amount": 500 + 7 * number, "currency": "USD"},
                "weight_g": 100 + number,
                "stock": STOCK,
            }
        ],
    }


def _data(answer: tuple[int, dict[bytes, bytes], bytes]) -> Any:
    if answer[0] >= 300:
        raise RuntimeError(f"{answer[0]}: {answer[2][:300].decode()}")
    return orjson.loads(answer[2])["data"]


def _wait_until_stocked(client: Any) -> None:
    path = f"/products/bench-product-{PRODUCTS - 20}"
    until = time.monotonic() + 30
    while _data(client.request("GET", path))["variants"][0]["available"] < STOCK // 2:
        if time.monotonic() > until:
            raise RuntimeError("the stock of the bench products did not reach the catalogue")
        time.sleep(0.1)


def _wait_until_ready(port: int) -> None:
    client = connection(f"http://127.0.0.1:{port}")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if client.request("GET", "/")[0]:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the echo service did not start")
