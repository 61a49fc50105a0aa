"""What libraries load only because it is installed stays away, and can be had where it is needed."""

import subprocess
import sys

import pytest

from services.chassis import imports, memory

HEAVY = ("rich", "yaml", "opentelemetry", "aiohttp", "cryptography.x509")
"""Not needed by any of the services that `SCRIPT` loads."""

SCRIPT = f"""
import services.slim, sys
import structlog, kombu, redis, pymongo
from services.chassis.stores import elastic
print(*(name for name in {HEAVY} if sys.modules.get(name)))
"""


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_optional_companions_of_libraries_are_not_loaded() -> None:
    assert run(SCRIPT) == ""


def test_a_process_with_a_collector_has_opentelemetry() -> None:
    script = """
import services.slim
import redis
from services.chassis import tracing
tracing.configure("orders", "http://127.0.0.1:9")
print(tracing.begin("orders.work", {}) is not None)
import os, sys; sys.stdout.flush(); os._exit(0)
"""

    assert run(script) == "True"


def test_a_library_is_loaded_as_if_another_were_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    with imports.without("colorsys"), pytest.raises(ImportError):
        import colorsys

    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_was_loaded_before_stays() -> None:
    import json

    with imports.without("json"):
        import json as again

    assert again is json
    imports.find("json")
    assert sys.modules["json"] is json


def test_memory_is_given_back_on_any_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _name: object())

    memory.settle()


def test_a_module_is_replaced_only_within_the_block_and_only_if_it_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    with imports.instead("colorsys", rgb_to_hsv=max), imports.instead("json", loads=max):
        from colorsys import rgb_to_hsv
        from json import loads

    assert rgb_to_hsv is max
    assert loads("1") == 1
    assert "colorsys" not in sys.modules


def test_the_stores_load_nothing_of_the_orm() -> None:
    script = """
import services.green, sys
import services.chassis.stores.postgres
print(*(name for name in sys.modules if name.startswith("sqlalchemy.orm")))
import sqlalchemy.orm
print(sqlalchemy.orm.Session.__module__)
"""

    assert run(script) == "sqlalchemy.orm.session"
