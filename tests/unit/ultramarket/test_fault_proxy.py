"""The fault proxy: the services' addresses through it, its configuration, and the faults that it is told to make."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ultramarket.test_programs import instance as new_instance
from ultramarket.chaos import toxics
from ultramarket.chaos.run import ScenarioFailed
from ultramarket.chaos.toxics import FaultProxy
from ultramarket.fault_proxy import PROXIED, proxied_servers
from ultramarket.instance import Instance
from ultramarket.servers import local, toxiproxy
from ultramarket.servers.kafka import Kafka
from ultramarket.servers.toxiproxy import Toxiproxy
from ultramarket.service_environment import service_environment
from ultramarket.up_settings import FAULT_PROXY_SETTING


@pytest.fixture
def proxied(tmp_path: Path) -> Instance:
    instance = new_instance()
    instance.folder = tmp_path
    instance.settings[FAULT_PROXY_SETTING] = "on"
    return instance


def test_services_connect_to_the_proxy(proxied: Instance) -> None:
    environment = service_environment(proxied, ["orders", "payments", "cart"])

    assert environment["ULTRAMARKET_POSTGRES_URL"] == "postgresql://127.0.0.1:4063/ultramarket"
    assert (
        environment["ULTRAMARKET_POSTGRES_URL_ORDERS"] == "postgresql://ultramarket_orders:x@127.0.0.1:4063/ultramarket"
    )
    assert environment["ULTRAMARKET_AMQP_URL_CART"] == "amqp://ultramarket_cart:x@127.0.0.1:4064/ultramarket"
    assert environment["ULTRAMARKET_REDIS_URL_CART"] == "redis://ultramarket_cart:x@127.0.0.1:4065/0"
    assert (
        environment["ULTRAMARKET_MONGO_URL_ORDERS"]
        == "mongodb://ultramarket_orders:x@127.0.0.1:4066/?w=majority&directConnection=true"
    )
    assert service_environment(proxied, ["bridge"])["ULTRAMARKET_KAFKA_URL_BRIDGE"] == (
        "kafka://ultramarket_bridge:x@127.0.0.1:4067/"
    )
    assert environment["ULTRAMARKET_ELASTICSEARCH_URL"] == "http://127.0.0.1:4068"
    assert (
        environment["ULTRAMARKET_SANDBOX_BANK_URL"] == "postgresql://ultramarket_payments:x@127.0.0.1:4069/ultramarket"
    )


def test_commands_connect_to_the_servers(proxied: Instance) -> None:
    assert proxied.environment()["ULTRAMARKET_REDIS_URL"] == "redis://ultramarket:x@127.0.0.1:4051/0"
    assert proxied.url("mongodb") == "mongodb://ultramarket:x@127.0.0.1:4055/?replicaSet=rs0&w=majority"


def test_instances_have_no_fault_proxy_by_default() -> None:
    instance = new_instance()

    assert proxied_servers(instance) == ()
    assert "toxiproxy" not in [server.name for server in local(instance)]


def test_external_server_is_not_proxied(proxied: Instance) -> None:
    proxied.external["postgres"] = "postgresql://elsewhere/shop"

    assert {"postgres", "provider"}.isdisjoint(proxied_servers(proxied))
    assert "ULTRAMARKET_SANDBOX_BANK_URL" not in service_environment(proxied, ["payments"])


def test_proxy_forwards_to_the_servers(proxied: Instance) -> None:
    Toxiproxy().prepare(proxied)

    proxies = {one["name"]: one for one in json.loads((proxied.folder / "toxiproxy.json").read_text())}
    assert tuple(proxies) == PROXIED
    assert (proxies["mongodb"]["listen"], proxies["mongodb"]["upstream"]) == ("127.0.0.1:4066", "127.0.0.1:4055")
    assert proxies["provider"]["upstream"] == "127.0.0.1:4050"
    [program] = Toxiproxy().programs(proxied)
    assert program.ports == (4062, *range(4063, 4070))


def test_kafka_advertises_the_proxy(proxied: Instance) -> None:
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:4056,SASL://127.0.0.1:4067\n" in Kafka()._config(proxied)


def test_missing_proxy_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toxiproxy, "BUILT", tmp_path / "server")
    monkeypatch.setattr(toxiproxy.shutil, "which", lambda _: None)

    [missing] = Toxiproxy().missing()
    Toxiproxy().download()

    assert missing.what == "toxiproxy-server 2.5.0 (put it into PATH, or install Go to build it)"


def test_proxy_that_can_not_be_built_is_not_available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toxiproxy, "BUILT", tmp_path / "server")
    monkeypatch.setattr(toxiproxy, "HOME", tmp_path / "home")
    monkeypatch.setattr(toxiproxy.shutil, "which", lambda name: "/bin/false" if name == "go" else None)

    assert not toxiproxy.available()


class Api:
    """The proxy's API: records requests, answers with a status."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.data = status, b"no such proxy"
        self.requests: list[tuple[str, str, Any]] = []

    def request(self, method: str, url: str, body: bytes | None) -> "Api":
        self.requests.append((method, url.removeprefix("http://127.0.0.1:4062"), json.loads(body) if body else None))
        return self


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr(toxics.urllib3, "PoolManager", lambda **_: api)
    return api


class FakeRun:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.fault = toxics.contextmanager(lambda name: iter([name]))


def test_faults_begin_and_end(api: Api, proxied: Instance) -> None:
    run: Any = FakeRun(proxied)

    with toxics.latency(run, "redis"):
        pass
    with toxics.half_open(run, "redis"):
        pass
    with toxics.refused(run, "redis"):
        pass

    def toxic(kind: str, **attributes: int) -> dict[str, Any]:
        return {"name": kind, "type": kind, "stream": "downstream", "toxicity": 1.0, "attributes": attributes}

    assert api.requests == [
        ("POST", "/proxies/redis/toxics", toxic("latency", latency=500)),
        ("DELETE", "/proxies/redis/toxics/latency", None),
        ("POST", "/proxies/redis/toxics", toxic("timeout", timeout=0)),
        ("DELETE", "/proxies/redis/toxics/timeout", None),
        ("POST", "/proxies/redis", {"enabled": False}),
        ("POST", "/proxies/redis", {"enabled": True}),
    ]


def test_resets_are_set_anew_and_removed(api: Api, proxied: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toxics, "RESET_EVERY_SECONDS", 0.001)
    run: Any = FakeRun(proxied)

    with toxics.resets(run, "redis"):
        while len(api.requests) < 5:
            pass

    assert {body["toxicity"] for method, _, body in api.requests if method == "POST"} == {0.05}
    assert api.requests[-1][0] == "DELETE"
    assert [method for method, _, _ in api.requests] == ["POST", "DELETE"] * (len(api.requests) // 2)


def test_refused_fault_ends_the_scenario(api: Api) -> None:
    api.status = 404

    with pytest.raises(ScenarioFailed, match="the fault proxy answered 404 to DELETE /proxies/redis/toxics/latency"):
        FaultProxy(4062).remove("redis", "latency")
