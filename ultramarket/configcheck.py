"""Whether an instance's whole configuration is right: each process's settings, the servers, secrets, clocks."""

import contextlib
import importlib
import inspect
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from services.chassis.runtime.registry import BRIDGE, GATEWAY, SERVICES
from services.chassis.runtime.settings import Settings
from ultramarket.doctor import Finding, bad, good
from ultramarket.instance import ROOT, Instance
from ultramarket.servers import SERVERS

SKEW_SECONDS: Final = 2.0
"""How far a server's clock may be off: leases and reservations are judged by both."""
SHORTEST_SECRET: Final = 16
WEAK: Final = re.compile(r"(.)\1{5,}|password|secret|ultramarket|change.?me|example|12345", re.IGNORECASE)


def check(instance: Instance) -> list[Finding]:
    """Each thing that was looked at, and whether it is right."""
    environment = instance.environment()
    return [*_settings(environment), *_servers(instance), *_secrets(instance, environment), *_clocks(instance)]


def _settings(environment: dict[str, str]) -> Iterator[Finding]:
    wrong = False
    with _environment(environment):
        for process, settings in _settings_classes():
            for field, message in _refusals(settings):
                wrong = True
                name = f"ULTRAMARKET_{field.upper()}"
                yield bad("settings", f"{process}: {name}: {message}", f"correct {name} and run `ultramarket up`")
    if not wrong:
        yield good("settings", "every process would start with them")


def _settings_classes() -> Iterator[tuple[str, type[Settings]]]:
    modules = [(GATEWAY, "gateway_flask.settings"), (BRIDGE, "kafka_bridge.settings")]
    modules += [
        (name, f"services.{name}.settings") for name in SERVICES if (ROOT / "services" / name / "settings.py").exists()
    ]
    for process, module in modules:
        for value in vars(importlib.import_module(module)).values():
            if inspect.isclass(value) and issubclass(value, Settings) and value is not Settings:
                yield process, value


def _refusals(settings: type[Settings]) -> list[tuple[str, str]]:
    try:
        settings()
    except ValidationError as invalid:
        return [(str(error["loc"][0]), error["msg"]) for error in invalid.errors()]
    except SettingsError as unreadable:
        return [(str(unreadable).partition('field "')[2].partition('"')[0], "must be JSON")]
    return []


def _servers(instance: Instance) -> Iterator[Finding]:
    for server in SERVERS:
        where = re.sub(r"//[^@/]*@", "//", instance.url(server.name))
        if server.is_ready(instance):
            yield good("servers", f"{server.name} answers at {where}")
        else:
            yield bad("servers", f"{server.name} doesn't answer at {where}", f"ultramarket start {server.name}")


def _secrets(instance: Instance, environment: dict[str, str]) -> Iterator[Finding]:
    secrets = {
        name: value for name, value in environment.items() if name.endswith(("_SECRET", "_SECRET_KEY")) and value
    }
    secrets["ULTRAMARKET_ADMIN_PASSWORD"] = environment["ULTRAMARKET_ADMIN_PASSWORD"]
    weak = [name for name, value in secrets.items() if _is_weak(value, 12 if "PASSWORD" in name else SHORTEST_SECRET)]
    for name in weak:
        yield bad("secrets", f"{name} is easily guessed", "make one with: openssl rand -base64 32")
    for path in (instance.jwt_key, instance.folder / "secrets.json"):
        if path.exists() and path.stat().st_mode & 0o077:
            yield bad("secrets", f"others may read {path.name}", f"chmod 600 {path}")
            weak.append(path.name)
    if not weak:
        yield good("secrets", f"{len(secrets)} are long, random and nobody else's to read")


def _is_weak(secret: str, shortest: int) -> bool:
    return len(secret) < shortest or len(set(secret)) < 8 or WEAK.search(secret) is not None


def _clocks(instance: Instance) -> Iterator[Finding]:
    off = False
    for name, ask in _CLOCKS.items():
        before = time.time()
        try:
            told = ask(instance.url(name))
        except Exception as unreachable:
            off = True
            yield bad("clocks", f"{name} couldn't be asked for the time: {unreachable}", "see the server's own finding")
            continue
        skew = told - (before + time.time()) / 2
        if abs(skew) > SKEW_SECONDS:
            off = True
            yield bad("clocks", f"{name}'s clock is {skew:+.1f} s off", "keep all machines' clocks by NTP")
    if not off:
        yield good("clocks", f"this machine and {', '.join(_CLOCKS)} agree to {SKEW_SECONDS:g} s")


def _postgres_time(url: str) -> float:
    import psycopg2

    with contextlib.closing(psycopg2.connect(url, connect_timeout=3)) as connection, connection.cursor() as cursor:
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
        told: datetime = client.admin.command("hello")["localTime"]
        return told.replace(tzinfo=UTC).timestamp()


_CLOCKS: Final[dict[str, Callable[[str], float]]] = {
    "postgres": _postgres_time,
    "redis": _redis_time,
    "mongodb": _mongo_time,
}


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """As a process of the instance would find it."""
    before = {name: value for name, value in os.environ.items() if name.startswith("ULTRAMARKET_")}
    for name in before:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(before)
