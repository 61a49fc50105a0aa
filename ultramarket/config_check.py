"""Validation of an instance's configuration: settings of each process, servers, secrets, clocks."""

import contextlib
import copy
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from services.chassis.runtime.registry import BRIDGE, GATEWAY, SERVICES
from services.chassis.runtime.settings import Settings
from ultramarket.doctor import Finding, bad, good
from ultramarket.instance import ROOT, Instance
from ultramarket.instance_environment import COMPUTED
from ultramarket.runtime_settings import settings_classes
from ultramarket.servers import SERVERS
from ultramarket.up_settings import UnknownValue

MAX_SKEW_SECONDS: Final = 2.0
"""How far a server's clock may be off: leases and reservations are compared with both."""
MIN_SECRET_LENGTH: Final = 16
MIN_PASSWORD_LENGTH: Final = 12
WEAK: Final = re.compile(r"(.)\1{5,}|password|secret|ultramarket|change.?me|example|12345", re.IGNORECASE)


def check(instance: Instance) -> list[Finding]:
    """Findings on the instance as the next `up` in this shell would start it."""
    shell = {name: value for name, value in os.environ.items() if name.startswith("ULTRAMARKET_")}
    try:
        updated = with_shell_settings(instance, shell)
    except UnknownValue as error:
        return [bad("settings", str(error), f"correct {error.setting} in this shell")]
    environment = updated.environment()
    with ThreadPoolExecutor(2) as pool:
        servers = pool.submit(lambda: list(_servers(updated)))
        clocks = pool.submit(lambda: list(_clocks(updated)))
        settings = [*_settings(environment, shell)]
    return [*settings, *servers.result(), *_secrets(updated, environment), *clocks.result()]


def with_shell_settings(instance: Instance, shell: dict[str, str]) -> Instance:
    """A copy of the instance with what `up` would take over from the shell. Raises `UnknownValue`."""
    updated = copy.deepcopy(instance)
    updated.apply_environment(shell)
    return updated


def _settings(environment: dict[str, str], shell: dict[str, str]) -> Iterator[Finding]:
    processes: dict[tuple[str, str], list[str]] = defaultdict(list)
    with _environment(environment):
        for process, settings in _classes():
            for error in errors_of(settings):
                processes[error].append(process)
    for (field, message), names in processes.items():
        name = f"ULTRAMARKET_{field.upper()}"
        in_shell = name in shell and name not in COMPUTED
        source = "of this shell" if in_shell else "of the instance"
        advice = f"correct {name} in this shell" if in_shell else f"correct {name} and run `ultramarket up`"
        yield bad("settings", f"{name} {source}: {message} (read by {', '.join(dict.fromkeys(names))})", advice)
    if not processes:
        yield good("settings", "valid for every process")


def _classes() -> Iterator[tuple[str, type[Settings]]]:
    modules = {
        GATEWAY: "gateway_flask.settings",
        BRIDGE: "kafka_bridge.settings",
        "nginx": "ultramarket.nginx_settings",
    }
    modules |= {
        name: f"services.{name}.settings" for name in SERVICES if (ROOT / "services" / name / "settings.py").exists()
    }
    for process, module in modules.items():
        for settings in settings_classes(module):
            yield process, settings


def errors_of(settings: type[Settings]) -> list[tuple[str, str]]:
    """(field, message) of each invalid setting in the environment."""
    try:
        settings()
    except ValidationError as invalid:
        return [(str(error["loc"][0]), error["msg"]) for error in invalid.errors()]
    except SettingsError as unreadable:
        return [(str(unreadable).partition('field "')[2].partition('"')[0], "must be JSON")]
    return []


def _servers(instance: Instance) -> Iterator[Finding]:
    for server in SERVERS:
        address = re.sub(r"//[^@/]*@", "//", instance.url(server.name))
        if server.is_ready(instance):
            yield good("servers", f"{server.name} answers at {address}")
        else:
            yield bad("servers", f"{server.name} does not answer at {address}", f"ultramarket start {server.name}")


def _secrets(instance: Instance, environment: dict[str, str]) -> Iterator[Finding]:
    secrets = {
        name: value for name, value in environment.items() if name.endswith(("_SECRET", "_SECRET_KEY")) and value
    }
    secrets["ULTRAMARKET_ADMIN_PASSWORD"] = environment["ULTRAMARKET_ADMIN_PASSWORD"]
    problems = 0
    for name, value in secrets.items():
        if is_weak(value, MIN_PASSWORD_LENGTH if "PASSWORD" in name else MIN_SECRET_LENGTH):
            problems += 1
            yield bad("secrets", f"{name} is easily guessed", "create one with: openssl rand -base64 32")
    for path in (*instance.jwt_keys.glob("*.pem"), instance.encryption_keys, instance.folder / "secrets.json"):
        if path.exists() and path.stat().st_mode & 0o077:
            problems += 1
            yield bad("secrets", f"other users may read {path.name}", f"chmod 600 {path}")
    if not problems:
        yield good("secrets", f"{len(secrets)} secrets are long and random, and other users cannot read them")


def is_weak(secret: str, min_length: int) -> bool:
    """Too short, too few different characters, or a pattern that is tried first."""
    return len(secret) < min_length or len(set(secret)) < 8 or WEAK.search(secret) is not None


def _clocks(instance: Instance) -> Iterator[Finding]:
    synchronous = True
    for name, server_time in _CLOCKS.items():
        before = time.time()
        try:
            remote = server_time(instance.url(name))
        except Exception as error:  # each driver has its own: whatever it is, it is the finding
            synchronous = False
            yield bad("clocks", f"{name} did not return its time: {error}", "see the finding on the server itself")
            continue
        skew = clock_skew(before, remote, time.time())
        if abs(skew) > MAX_SKEW_SECONDS:
            synchronous = False
            yield bad("clocks", f"{name}'s clock is off by {skew:+.1f} s", "synchronise all clocks by NTP")
    if synchronous:
        yield good("clocks", f"{', '.join(_CLOCKS)} agree with this machine to {MAX_SKEW_SECONDS:g} s")


def clock_skew(before: float, remote: float, after: float) -> float:
    """Seconds by which a clock read between `before` and `after` is certainly off; 0 if it may be right.

    The reply may have been delayed on either way, so only a reading outside of the two is an error.
    """
    return min(0.0, remote - before) + max(0.0, remote - after)


def _postgres_time(url: str) -> float:
    import psycopg2

    from services.chassis.stores.postgres_connections import CLIENT_LIMITS

    connecting: psycopg2.extensions.connection = psycopg2.connect(url, **CLIENT_LIMITS)
    with contextlib.closing(connecting) as connection, connection.cursor() as cursor:
        cursor.execute("select extract(epoch from clock_timestamp())")
        row = cursor.fetchone()
        assert row is not None
        return float(row[0])


def _redis_time(url: str) -> float:
    import redis

    seconds, micros = redis.Redis.from_url(url, socket_timeout=3).time()  # type: ignore[misc]
    return float(seconds) + float(micros) / 1e6


def _mongo_time(url: str) -> float:
    import pymongo

    client: pymongo.MongoClient[Any]
    with pymongo.MongoClient(url, serverSelectionTimeoutMS=3000) as client:
        local_time: datetime = client.admin.command("hello")["localTime"]
        return local_time.replace(tzinfo=UTC).timestamp()


_CLOCKS: Final[dict[str, Callable[[str], float]]] = {
    "postgres": _postgres_time,
    "redis": _redis_time,
    "mongodb": _mongo_time,
}


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Within the block the process has exactly these ULTRAMARKET_ variables."""
    saved = {name: value for name, value in os.environ.items() if name.startswith("ULTRAMARKET_")}
    for name in saved:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(saved)
