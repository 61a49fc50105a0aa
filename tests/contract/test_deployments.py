"""Docker Compose and the Helm chart run every process on its port, with secrets from files."""

import json
import os
from pathlib import Path
from typing import Any

import bcrypt
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
from ultramarket import compose_secrets
from ultramarket.accounts import AdministratorSettings
from ultramarket.credentials import sha256

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


def test_compose_mounts_what_exists_and_each_process_its_own(secret_folder: Path) -> None:
    services = read("docker-compose.yml")["services"]
    mounts = {
        name: [volume.split(":") for volume in service.get("volumes", []) if volume.startswith("./secrets/")]
        for name, service in services.items()
    }

    for source, _, mode in (mount for each in mounts.values() for mount in each):
        assert (secret_folder / source.removeprefix("./secrets/")).exists(), source
        assert mode == "ro"
    for name in (*PROCESSES, "migrate", "administrator"):
        assert mounts[name] == [[f"./secrets/processes/{name}", "/run/secrets", "ro"]]


def test_chart_has_every_process_on_its_port() -> None:
    rows = read("charts/ultramarket/values.yaml")["processes"]

    assert {name: row["port"] for name, row in rows.items()} == {
        name: 3000 + PORT_OFFSETS[name] for name in PORT_OFFSETS
    }
    for name in PROCESSES:
        command = rows[name].get("command", ["python", "-m", "services.chassis.runtime", name])
        assert " ".join(command) == command_of(name)


@pytest.fixture(scope="module")
def secret_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    compose_secrets.create(folder)
    return folder


def files_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_secrets_of_compose_are_created_once(secret_folder: Path) -> None:
    first = files_below(secret_folder)

    compose_secrets.create(secret_folder)

    assert files_below(secret_folder) == first
    assert secret_folder.stat().st_mode & 0o077 == 0


def test_process_of_compose_has_only_its_own_accounts(secret_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = json.loads((secret_folder / "passwords.json").read_text())
    services = read("docker-compose.yml")["services"]
    for name in PROCESSES:
        folder = secret_folder / "processes" / name
        others = {key: word for key, word in secret.items() if "_password" in key and not key.endswith(f"_{name}")}
        text = "".join(files_below(folder).values())
        assert [key for key, word in others.items() if word in text] == [], name

    for setting in [setting for setting in os.environ if setting.startswith("ULTRAMARKET_")]:
        monkeypatch.delenv(setting)
    for setting, value in services["orders"]["environment"].items():
        monkeypatch.setenv(setting, value)
    monkeypatch.setenv(SECRETS, str(secret_folder / "processes" / "orders"))

    settings = load(Settings, "orders")

    account = f"ultramarket_orders:{secret['postgres_password_orders']}"
    assert settings.postgres_url == f"postgresql://{account}@postgres:5432/ultramarket"
    assert settings.amqp_url.startswith(f"amqp://ultramarket_orders:{secret['rabbitmq_password_orders']}@rabbitmq:")
    assert settings.redis_url == "redis://redis:6379/0"


def test_migrations_of_compose_have_the_operator_accounts(secret_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = json.loads((secret_folder / "passwords.json").read_text())
    services = read("docker-compose.yml")["services"]
    for setting in [setting for setting in os.environ if setting.startswith("ULTRAMARKET_")]:
        monkeypatch.delenv(setting)
    urls = {}
    for name in ("migrate", "administrator"):
        for setting, value in services[name]["environment"].items():
            monkeypatch.setenv(setting, value)
        monkeypatch.setenv(SECRETS, str(secret_folder / "processes" / name))
        settings = load(AdministratorSettings if name == "administrator" else Settings)
        urls[name] = (settings.postgres_url, settings.amqp_url)

    postgres, amqp = secret["postgres_password"], secret["rabbitmq_password"]
    operator = f"amqp://ultramarket:{amqp}@rabbitmq:5672/ultramarket"
    assert urls == {
        "migrate": (f"postgresql://ultramarket:{postgres}@postgres:5432/ultramarket", operator),
        "administrator": ("postgresql://postgres:5432/ultramarket", operator),
    }


def test_servers_of_compose_know_the_accounts_of_the_urls(secret_folder: Path) -> None:
    secret = json.loads((secret_folder / "passwords.json").read_text())
    servers = files_below(secret_folder / "servers")
    users = dict(line.split(":") for line in servers["elasticsearch/users"].splitlines())
    search = secret["elasticsearch_password_search"]

    assert set(users) == {"ultramarket", "ultramarket_search"}
    assert bcrypt.checkpw(search.encode(), users["ultramarket_search"].encode())
    assert yaml.safe_load(servers["elasticsearch/roles.yml"])["ultramarket_search"]["indices"] == [
        {"names": ["ultramarket_search*"], "privileges": ["all"]}
    ]
    assert f'user_ultramarket_bridge="{secret["kafka_sasl_password_bridge"]}"' in servers["kafka/server.properties"]
    assert f"user ultramarket_cart on #{sha256(secret['redis_password_cart'])}" in servers["redis/users.acl"]
    assert {user["name"] for user in json.loads(servers["rabbitmq/definitions.json"])["users"]} >= {
        "ultramarket",
        "ultramarket_orders",
    }
