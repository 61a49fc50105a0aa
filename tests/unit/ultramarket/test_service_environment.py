"""Each process gets the accounts of its own services, and no others."""

from typing import Any

import pytest

from services.chassis.runtime.registry import SERVICES
from services.chassis.runtime.settings import Settings, load
from tests.unit.ultramarket.test_programs import instance as new_instance
from ultramarket.credentials import ACCOUNTS, with_missing_passwords
from ultramarket.instance import Instance
from ultramarket.programs import service_programs
from ultramarket.service_environment import own_setting, service_environment


@pytest.fixture
def instance() -> Instance:
    instance = new_instance("separate")
    instance.secrets |= {name: f"pw-{name}" for name in instance.secrets}
    return instance


def test_process_has_only_its_own_accounts(instance: Instance) -> None:
    for program in service_programs(instance):
        text = "\n".join(program.environment.values())
        foreign = [
            (server, service)
            for server, services in ACCOUNTS.items()
            for service in (None, *services)
            if service != program.name and f"pw-{server}_password{f'_{service}' if service else ''}@" in text
        ]
        assert foreign == [], program.name


def test_process_has_no_secret_of_the_operator(instance: Instance) -> None:
    for program in service_programs(instance):
        assert "ULTRAMARKET_ADMIN_PASSWORD" not in program.environment
        assert ("ULTRAMARKET_JWT_PRIVATE_KEY_FILE" in program.environment) == (program.name == "auth")


def test_shared_process_has_an_account_for_each_service(instance: Instance) -> None:
    environment = service_environment(instance, SERVICES)

    for server, services in ACCOUNTS.items():
        own = {own_setting(server, service) for service in services if service in SERVICES}
        assert own <= set(environment)


def test_services_of_an_external_server_use_its_url(instance: Instance) -> None:
    instance.external["postgres"] = "postgresql://me:secret@db.example/shop"
    instance.settings["ULTRAMARKET_POSTGRES_URL_ORDERS"] = "postgresql://orders:one@db.example/shop"

    orders, users = service_environment(instance, ["orders"]), service_environment(instance, ["users"])

    assert orders["ULTRAMARKET_POSTGRES_URL_ORDERS"] == "postgresql://orders:one@db.example/shop"
    assert users["ULTRAMARKET_POSTGRES_URL"] == "postgresql://me:secret@db.example/shop"
    assert "ULTRAMARKET_POSTGRES_URL_ORDERS" not in users


def test_own_url_counts_before_the_common_one(monkeypatch: pytest.MonkeyPatch, instance: Instance) -> None:
    for name, value in service_environment(instance, ["orders"]).items():
        monkeypatch.setenv(name, value)

    assert "ultramarket_orders:" in load(Settings, "orders").postgres_url
    assert "@" not in load(Settings, "users").postgres_url


def test_own_url_may_be_a_file_of_secrets(monkeypatch: pytest.MonkeyPatch, instance: Instance, tmp_path: Any) -> None:
    for name, value in instance.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ULTRAMARKET_SECRETS", str(tmp_path))
    (tmp_path / "ultramarket_amqp_url_analytics_consumer").write_text("amqp://consumer@broker/shop\n")

    assert load(Settings, "analytics-consumer").amqp_url == "amqp://consumer@broker/shop"


def test_existing_passwords_are_kept() -> None:
    first = with_missing_passwords({"rabbitmq_password": "old"})

    assert first["rabbitmq_password"] == "old"
    assert with_missing_passwords(first) == first
    assert all(first.values())
    assert len(set(first.values())) == len(first)
