"""Redis `SET` of a hundred bytes by redis-benchmark, which comes with the server."""

import csv
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import redis

from bench.floors.base import CpuMeter, FloorReading

KEY = "key:__rand_int__"
"""The key of redis-benchmark's SET; without a range of random keys, it is this one as it is."""
BYTES = 100
LEAST_OPERATIONS = 1000


class RedisSet:
    name = "redis SET"
    needs_clients = True

    def __init__(self, url: str, server_pid: int) -> None:
        self._url, self._server_pid = url, server_pid
        self._rate = 10_000.0
        parts = urlsplit(url)
        self._command = ["redis-benchmark", "-h", parts.hostname or "", "-p", str(parts.port), "--csv", "-t", "set"]
        self._command += ["--user", unquote(parts.username or "default"), "-a", unquote(parts.password or "")]

    @contextmanager
    def open(self) -> Iterator[None]:
        try:
            yield
        finally:
            client = redis.Redis.from_url(self._url)
            client.delete(KEY)
            client.close()

    def measure(self, clients: int, seconds: float) -> FloorReading:
        """Run the number of operations that the last reading lets expect for the time."""
        operations = max(LEAST_OPERATIONS, round(self._rate * seconds))
        command = [*self._command, "-d", str(BYTES), "-c", str(clients), "-n", str(operations)]
        meter = CpuMeter(self._server_pid)
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        cpu = meter.seconds()
        rows = [row for row in csv.reader(done.stdout.splitlines()) if row and row[0].startswith("SET")]
        if not rows:
            raise RuntimeError(f"redis-benchmark: {done.stdout or done.stderr}")
        self._rate = float(rows[0][1])
        return FloorReading(self._rate, 1000 * cpu / operations)
