"""pgbench's TPC-B-like transaction on the instance's PostgreSQL, in a database of its own that is dropped afterwards.

https://www.postgresql.org/docs/current/pgbench.html: three updates, a select and an insert, committed durably.
"""

import os
import re
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import psycopg2

from bench.floors.base import CpuMeter, FloorReading
from ultramarket.servers.postgres import binaries

DATABASE = "bench_floor"
SCALE = 8
"""Branches: enough that few of sixteen clients wait for each other's rows."""
FIRST_RATE = 200.0
LEAST_TRANSACTIONS = 320
CONNECTING_READINGS = 5


class Pgbench:
    name = "pgbench TPC-B"
    needs_clients = True

    def __init__(self, url: str, server_pid: int) -> None:
        self._url, self._server_pid = url, server_pid
        self._rates: dict[int, float] = {}
        self._connecting: dict[int, list[float]] = {}
        """CPU seconds of runs that do little more than connect, by number of clients."""
        parts = urlsplit(url)
        self._environment = os.environ | {
            "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port),
            "PGUSER": unquote(parts.username or ""),
            "PGPASSWORD": unquote(parts.password or ""),
        }

    @contextmanager
    def open(self) -> Iterator[None]:
        self._execute(f"drop database if exists {DATABASE} with (force)", f"create database {DATABASE}")
        try:
            self._run("--initialize", "--scale", str(SCALE), "--quiet")
            yield
        finally:
            self._execute(f"drop database if exists {DATABASE} with (force)")

    def measure(self, clients: int, seconds: float) -> FloorReading:
        """Run the number of transactions that the last reading lets expect for the time.

        pgbench connects anew each time, which costs more CPU than some transactions: a run of one transaction per
        client is taken off. Its own rate leaves connecting out.
        """
        connecting = self._connecting.setdefault(clients, [])
        if len(connecting) < CONNECTING_READINGS:
            connecting.append(self._transactions(clients, 1)[1])
        each = max(LEAST_TRANSACTIONS // clients, round(self._rates.get(clients, FIRST_RATE) * seconds / clients))
        self._rates[clients], cpu = self._transactions(clients, each)
        spent = max(cpu / 2, cpu - statistics.median(connecting))
        return FloorReading(self._rates[clients], 1000 * spent / (clients * (each - 1)))

    def _transactions(self, clients: int, each: int) -> tuple[float, float]:
        """Transactions per second, and CPU seconds."""
        meter = CpuMeter(self._server_pid)
        text = self._run("--no-vacuum", "--client", str(clients), "--jobs", "1", "--transactions", str(each))
        cpu = meter.seconds()
        match = re.search(r"tps = ([\d.]+)", text)
        if match is None:
            raise RuntimeError(f"pgbench: {text}")
        return float(match[1]), cpu

    def _run(self, *options: str) -> str:
        program = str((binaries() or "") / "pgbench") if binaries() else "pgbench"  # type: ignore[operator]
        done = subprocess.run(
            [program, *options, DATABASE],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"pgbench failed: {done.stderr.strip()}")
        return done.stdout

    def _execute(self, *statements: str) -> None:
        connection = psycopg2.connect(self._url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()
