"""The shell: documented RPC proxies, and the broker's URL without its password."""

import inspect
import pydoc
from typing import Any

import pytest

from ultramarket.rpc_shell import ServiceProxies, hide_password


class FakeMethod:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.name, arguments, keywords

    def call_async(self) -> None:
        """Part of nameko's interface."""


class FakeService:
    def __getattr__(self, name: str) -> FakeMethod:
        return FakeMethod(name)


class FakeCluster:
    def __getattr__(self, name: str) -> FakeService:
        return FakeService()


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some services read their settings when they are imported."""
    values = {
        "AMQP_URL": "amqp://localhost",
        "POSTGRES_URL": "postgresql://localhost",
        "MONGO_URL": "mongodb://localhost",
        "REDIS_URL": "redis://localhost",
        "KAFKA_BOOTSTRAP": "localhost:9092",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"ULTRAMARKET_{name}", value)


def test_help_lists_methods_with_signatures() -> None:
    text = pydoc.plain(pydoc.render_doc(ServiceProxies(FakeCluster()).config))

    assert "history(key: str, caller: schemas.caller.Caller) -> list[schemas.api.config.SettingChange]" in text
    assert "List the changes of a setting, the newest first" in text


def test_documented_method_calls_the_service() -> None:
    config = ServiceProxies(FakeCluster()).config

    assert config.history(key="a.b") == ("history", (), {"key": "a.b"})
    assert list(inspect.signature(config.history).parameters) == ["key", "caller"]


def test_services_are_listed() -> None:
    assert {"orders", "cart", "config"} <= set(dir(ServiceProxies(FakeCluster())))


def test_password_is_hidden_in_the_banner() -> None:
    assert hide_password("amqp://ultramarket:s3cret@127.0.0.1:3052/v") == "amqp://ultramarket:***@127.0.0.1:3052/v"
