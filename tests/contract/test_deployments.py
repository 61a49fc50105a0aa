"""Docker Compose and the Helm chart run every process on its port, with secrets from files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.runtime.registry import (
    ANALYTICS_CONSUMER,
    BRIDGE,
    ENTRY_MODULES,
    GATEWAY,
    GATEWAY_WS,
    PORT_OFFSETS,
    SERVICES,
)
from services.chassis.runtime.settings import SECRETS, Settings, load
from ultramarket import secret_files

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = {*SERVICES, GATEWAY, GATEWAY_WS, BRIDGE, ANALYTICS_CONSUMER}


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def command_of(name: str) -> str:
    return f"python -m {ENTRY_MODULES.get(name, f'services.chassis.runtime {name}')}"


def test_compose_runs_every_process_with_check_and_limit() -> None:
    services = read("docker-compose.yml")["services"]

    assert services.keys() >= PROCESSES
    for name in PROCESSES:
        definition = services[name]
        assert definition["command"] == command_of(name)
        assert f":{3000 + PORT_OFFSETS[name]}/health/ready" in definition["healthcheck"]["test"][-1]
        assert (definition["read_only"], definition["cap_drop"], definition["networks"]) == (True, ["ALL"], ["shop"])
    assert [name for name, service in services.items() if "mem_limit" not in service] == []


def test_compose_publishes_nginx_in_front_of_the_gateway() -> None:
    compose = read("docker-compose.yml")
    services, nginx = compose["services"], compose["services"]["nginx"]

    assert nginx["ports"] == ["127.0.0.1:3000:3000", "127.0.0.1:3049:3049"]
    assert [name for name in PROCESSES if "ports" in services[name]] == []
    assert services["nginx-config"]["command"].split()[:3] == ["python", "-m", "ultramarket.nginx_config"]
    environment = services["nginx-config"]["environment"]
    assert environment["ULTRAMARKET_GATEWAY_ADDRESS"] == f"gateway:{3000 + PORT_OFFSETS[GATEWAY]}"
    assert environment["ULTRAMARKET_GATEWAY_WS_ADDRESS"] == f"gateway-ws:{3000 + PORT_OFFSETS[GATEWAY_WS]}"
    assert environment["ULTRAMARKET_GATEWAY_PROXIES"] == nginx["networks"]["shop"]["ipv4_address"]


def test_compose_contains_no_password() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert "PASSWORD:" not in text
    assert "SECRET_KEY" not in text


def test_chart_has_every_process_on_its_port() -> None:
    rows = read("charts/ultramarket/values.yaml")["processes"]

    assert {name: row["port"] for name, row in rows.items()} == {
        name: 3000 + PORT_OFFSETS[name] for name in PORT_OFFSETS
    }
    for name in PROCESSES:
        command = rows[name].get("command", ["python", "-m", "services.chassis.runtime", name])
        assert " ".join(command) == command_of(name)


def test_secrets_are_created_once_and_read_as_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = secret_files.create(tmp_path / "secrets")
    first = {name: (tmp_path / "secrets" / name).read_text() for name in names}
    assert secret_files.create(tmp_path / "secrets") == names
    assert {name: (tmp_path / "secrets" / name).read_text() for name in names} == first
    assert first["postgres_password"] in first["postgres_url"]
    assert len(first["secret_key"]) >= 32

    mounted = tmp_path / "run"
    mounted.mkdir()
    for name in ("postgres_url", "amqp_url"):
        (mounted / f"ultramarket_{name}").write_text(first[name])
    monkeypatch.setenv("ULTRAMARKET_REDIS_URL", "redis://server")
    monkeypatch.setenv("ULTRAMARKET_MONGO_URL", "mongodb://server")
    monkeypatch.setenv("ULTRAMARKET_KAFKA_BOOTSTRAP", "server:9092")
    monkeypatch.delenv("ULTRAMARKET_POSTGRES_URL", raising=False)
    monkeypatch.delenv("ULTRAMARKET_AMQP_URL", raising=False)
    monkeypatch.setenv(SECRETS, str(mounted))

    settings = load(Settings)

    assert (settings.postgres_url, settings.amqp_url) == (first["postgres_url"], first["amqp_url"])
