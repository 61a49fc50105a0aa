"""Vendure from npm: installed in the user's cache, its database on the instance's PostgreSQL, a server and a worker."""

import csv
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg2

from bench.stage import PRODUCTS, STOCK, product_row
from bench.wire import Connection
from ultramarket.cache import CACHE

SOURCES: Final = Path(__file__).with_name("vendure")
FOLDER: Final = CACHE / "peers" / "vendure"
"""Outside of git: node_modules has 450 packages."""
DATABASE: Final = "bench_vendure"
PORT_OFFSET: Final = 42
PASSWORD: Final = "of-a-bench-only"
COLUMNS: Final = (
    "name", "slug", "description", "assets", "facets", "optionGroups", "optionValues", "sku", "price", "taxCategory",
    "stockOnHand", "trackInventory", "variantAssets", "variantFacets",
)  # fmt: skip
START_SECONDS: Final = 180
INDEX_SECONDS: Final = 1800


def install() -> None:
    """Install the packages of the lock file, unless they are there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = FOLDER / "package-lock.json"
    is_current = lock.exists() and lock.read_text() == (SOURCES / lock.name).read_text()
    for path in SOURCES.iterdir():
        shutil.copy(path, FOLDER)
    if not (is_current and (FOLDER / "node_modules" / ".package-lock.json").exists()):
        subprocess.run(
            ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER, check=True
        )


class Vendure:
    """A shop of Vendure that runs beside an instance."""

    def __init__(self, postgres_url: str, port_base: int) -> None:
        self._operator_url = postgres_url
        self._url = f"{postgres_url.rpartition('/')[0]}/{DATABASE}"
        self.port = port_base + PORT_OFFSET
        self._environment = os.environ | {
            "PEER_POSTGRES_URL": self._url,
            "PEER_PORT": str(self.port),
            "PEER_PASSWORD": PASSWORD,
            "NODE_ENV": "production",
        }

    def fill(self) -> None:
        """Create the database with a thousand products, unless a complete one is there."""
        if self._execute(self._operator_url, f"select 1 from pg_database where datname = '{DATABASE}'"):
            if self._variants() == PRODUCTS:
                return
            self.drop()
        self._execute(self._operator_url, f"create database {DATABASE}")
        file = FOLDER / "products.csv"
        with file.open("w") as target:
            writer = csv.writer(target)
            writer.writerow(COLUMNS)
            writer.writerows(_row(number) for number in range(PRODUCTS))
        environment = self._environment | {"PEER_SYNCHRONIZE": "yes"}
        with (FOLDER / "populate.log").open("w") as log:
            command = ["node", "populate.js", str(file)]
            subprocess.run(command, cwd=FOLDER, env=environment, stdout=log, stderr=log, check=True)

    def drop(self) -> None:
        self._execute(self._operator_url, f"drop database if exists {DATABASE} with (force)")

    @contextmanager
    def running(self) -> Iterator[list[dict[str, Any]]]:
        """The server and the worker, ready, with all products in the search index; rows as `ultramarket status` has."""
        started: list[tuple[str, subprocess.Popen[bytes]]] = []
        try:
            for name in ("server", "worker"):
                log = (FOLDER / f"{name}.log").open("w")
                process = subprocess.Popen(
                    ["node", f"{name}.js"], cwd=FOLDER, env=self._environment, stdout=log, stderr=log
                )
                started.append((name, process))
            _wait("Vendure did not start", START_SECONDS, lambda: self._is_ready(started))
            _wait("Vendure's search index is not complete", INDEX_SECONDS, self._is_indexed)
            yield [{"name": f"vendure-{name}", "pid": process.pid} for name, process in started]
        finally:
            for _, process in started:
                process.terminate()
            for _, process in started:
                process.wait(30)

    def _is_ready(self, started: list[tuple[str, subprocess.Popen[bytes]]]) -> bool:
        """Whether the server answers. Raises `RuntimeError` when one of the processes has ended."""
        if ended := [name for name, process in started if process.poll() is not None]:
            raise RuntimeError(f"Vendure's {ended[0]} has ended: see {FOLDER / ended[0]}.log")
        client = Connection("127.0.0.1", self.port, prefix="")
        try:
            return client.request("GET", "/health")[0] == 200
        except OSError:
            return False
        finally:
            client.close()

    def _is_indexed(self) -> bool:
        return int(self._execute(self._url, "select count(*) from search_index_item")[0][0]) >= PRODUCTS

    def _variants(self) -> int:
        if not self._execute(self._url, "select to_regclass('product_variant')")[0][0]:
            return 0
        return int(self._execute(self._url, "select count(*) from product_variant")[0][0])

    @staticmethod
    def _execute(url: str, statement: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()


def _row(number: int) -> list[str]:
    """The bench's product in Vendure's form of import."""
    product = product_row(number)
    (variant,) = product["variants"]
    columns = dict.fromkeys(COLUMNS, "") | {
        "name": product["title"],
        "slug": product["slug"],
        "description": product["description"],
        "facets": f"brand:{product['brand']}|tag:{product['tags'][1]}",
        "sku": variant["sku"],
        "price": f"{variant['price']['amount'] / 100:.2f}",
        "taxCategory": "standard",
        "stockOnHand": str(STOCK),
        "trackInventory": "true",
    }
    return list(columns.values())


def _wait(problem: str, seconds: float, check: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise RuntimeError(f"{problem}; see {FOLDER}")
        time.sleep(0.5)
