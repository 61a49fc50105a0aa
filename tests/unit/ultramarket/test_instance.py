"""Environment, secrets and saved settings of an instance."""

import shutil
import stat
from pathlib import Path

import pytest

from ultramarket import instance as instances
from ultramarket import instance_environment, port_registry
from ultramarket.instance import NoSuchInstance


@pytest.fixture(autouse=True)
def _instances_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "INSTANCES", tmp_path / "checkout")
    monkeypatch.setattr(port_registry, "CACHE", tmp_path / "cache")


def test_secrets_are_created_once_and_private() -> None:
    instance = instances.load_or_make("one", {})

    assert instances.load_or_make("one", {}).secrets == instance.secrets
    assert instances.load_or_make("two", {}).secrets != instance.secrets
    for name in ("secrets.json", "instance.json", "jwt/first.pem", "encryption_keys.json"):
        assert stat.S_IMODE((instance.folder / name).stat().st_mode) == 0o600


def test_two_instances_share_no_port() -> None:
    first, second = instances.load_or_make("one", {}), instances.load_or_make("two", {})

    assert not set(first.block.servers.values()) & set(second.block.servers.values())
    assert first.block.base != second.block.base


def test_ports_are_reserved_across_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = instances.load_or_make("one", {})
    monkeypatch.setattr(instances, "INSTANCES", tmp_path / "another")

    two = instances.load_or_make("one", {})
    assert two.block.base != first.block.base

    shutil.rmtree(first.folder)
    assert instances.load_or_make("three", {}).block.base == first.block.base


def test_env_prints_the_documented_variables() -> None:
    printed = instances.load_or_make("one", {}).printed()

    assert tuple(printed) == instance_environment.PRINTED
    assert printed["ULTRAMARKET_MONGO_URL"].endswith("/?replicaSet=rs0&w=majority")
    assert "ULTRAMARKET_SECRET_KEY" not in printed


def test_external_server_is_saved_until_set_empty() -> None:
    external = "postgresql://me@db.example/shop"

    assert instances.load_or_make("one", {"ULTRAMARKET_POSTGRES_URL": external}).url("postgres") == external
    assert instances.load_or_make("one", {}).url("postgres") == external
    assert "127.0.0.1" in instances.load_or_make("one", {"ULTRAMARKET_POSTGRES_URL": ""}).url("postgres")


def test_exported_urls_of_an_instance_are_not_external() -> None:
    instance = instances.load_or_make("one", {})

    two = instances.load_or_make("two", instance.environment())

    assert two.external == {}
    assert two.environment()["ULTRAMARKET_INSTANCE"] == "two"


def test_settings_are_saved_and_passed_to_processes() -> None:
    instances.load_or_make("one", {"ULTRAMARKET_LOG_LEVEL": "DEBUG", "HOME": "/nowhere"})

    environment = instances.load_or_make("one", {}).environment()

    assert environment["ULTRAMARKET_LOG_LEVEL"] == "DEBUG"
    assert "HOME" not in environment


def test_missing_instance_is_named() -> None:
    with pytest.raises(NoSuchInstance, match="no instance 'ghost'"):
        instances.load("ghost")


@pytest.mark.parametrize("name", ["../x", "", "Dev", "-a", "a" * 32, "a b"])
def test_invalid_instance_name_is_refused(name: str) -> None:
    assert not instances.valid_name(name)
