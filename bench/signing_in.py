"""Rate of logins beside that of bcrypt alone: `python -m bench.signing_in --instance NAME`.

Alternately in one run: as many processes as there are cores compute hashes and do nothing else; then clients log in
through the gateway. Both in hashes per second of CPU that was there for them, since other work on the machine takes its
share; then more clients than can be served within their deadlines, and the replies that they get.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from typing import Any

import orjson
from rich.console import Console

from bench import costs, load
from bench.load import Refused, Work
from bench.stage import Stage
from bench.works import connection

ACCOUNTS = 16
PASSWORD = "correct horse battery"
FLOOR = """
import bcrypt, sys, time
salt, end, count = bcrypt.gensalt(int(sys.argv[1])), time.monotonic() + float(sys.argv[2]), 0
used = time.process_time()
while time.monotonic() < end:
    bcrypt.hashpw(b"password", salt)
    count += 1
print(count, time.process_time() - used)
"""


def floor(rounds: int, seconds: float) -> tuple[float, float]:
    """Hashes per second of as many processes as there are cores, and CPU milliseconds of a hash."""
    command = [sys.executable, "-c", FLOOR, str(rounds), str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count() or 1)]
    results = [process.communicate()[0].split() for process in running]
    count, used = sum(int(count) for count, _ in results), sum(float(used) for _, used in results)
    return count / seconds, 1000 * used / count


def login(url: str, emails: list[str], replies: Counter[int]) -> Any:
    """Clients that log in, each from an address of its own."""

    def make(number: int) -> Work:
        client = connection(url)
        headers = {"X-Forwarded-For": f"10.9.{number >> 8 & 255}.{number & 255}"}
        body = {"email": emails[number % len(emails)], "password": PASSWORD}

        def work() -> None:
            status, _, answer = client.request("POST", "/auth/login", body, headers)
            replies[status] += 1
            if status != 200:
                raise Refused(f"{status} {orjson.loads(answer)['error']['code']}")

        return work

    return make


def register(url: str) -> list[str]:
    client, run, emails = connection(url), uuid.uuid4().hex[:8], []
    for number in range(ACCOUNTS):
        email = f"bench-{run}-{number}@example.com"
        person = {"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}
        headers = {"X-Forwarded-For": f"10.8.0.{number}"}
        status, _, answer = client.request("POST", "/auth/register", person, headers)
        if status in (503, 504):  # a busy machine
            continue
        if status != 201:
            raise RuntimeError(answer[:300].decode())
        emails.append(email)
    return emails


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.signing_in", description=__doc__)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    stage, console = Stage(arguments.instance), Console(width=160)
    gateway = f"http://127.0.0.1:{int(os.environ['ULTRAMARKET_PORT_BASE']) + 48}"
    emails, listed = register(gateway), costs.processes(stage.instance)
    ratios, shares = [], []
    for _ in range(arguments.times):
        alone, hash_ms = floor(arguments.rounds, arguments.seconds)
        replies: Counter[int] = Counter()
        before, begun = costs.cpu_seconds(listed), time.monotonic()
        result = load.run(login(gateway, emails, replies), 8, arguments.seconds)
        seconds = time.monotonic() - begun
        spent = costs.spent(before, costs.cpu_seconds(listed), len(result.times))
        done = len(result.times) / seconds
        ratios.append(done / alone)
        shares.append(hash_ms / sum(spent.values()))
        console.print(f"bcrypt alone {alone:.2f}/s, {hash_ms:.0f} ms of CPU; logins {done:.2f}/s, ", end="")
        console.print(f"p95 {result.percentile(95):.0f} ms, CPU by process {spent}, {dict(replies)}")
    console.print(
        f"logins: {statistics.median(ratios):.2f} of the rate, bcrypt's share {statistics.median(shares):.2f}"
    )
    replies = Counter()
    result = load.run(login(gateway, emails, replies), 64, 2 * arguments.seconds)
    console.print(f"64 clients: {dict(replies)}, errors {result.errors}, p95 {result.percentile(95):.0f} ms")


if __name__ == "__main__":
    main()
