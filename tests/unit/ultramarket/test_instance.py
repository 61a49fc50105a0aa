"""An instance's environment, secrets and what it remembers."""

import shutil
import stat
from pathlib import Path

import pytest

from ultramarket import port_registry
from ultramarket import instance as instances
from ultramarket.instance import NoSuchInstance


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "INSTANCES", tmp_path / "checkout")
    monkeypatch.setattr(port_registry, "CACHE", tmp_path / "cache")


def test_secrets_are_made_once_and_are_nobody_elses() -> None:
    made = instances.load_or_make("one", {})

    assert instances.load_or_make("one", {}).secrets == made.secrets
    assert instances.load_or_make("two", {}).secrets != made.secrets
    for name in ("secrets.json", "instance.json", "jwt.pem"):
        assert stat.S_IMODE((made.folder / name).stat().st_mode) == 0o600


def test_two_instances_share_no_port() -> None:
    one, two = instances.load_or_make("one", {}), instances.load_or_make("two", {})

    assert not set(one.block.servers.values()) & set(two.block.servers.values())
    assert one.block.base != two.block.base


def test_an_instance_of_another_checkout_keeps_its_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = instances.load_or_make("one", {})
    monkeypatch.setattr(instances, "INSTANCES", tmp_path / "another")

    two = instances.load_or_make("one", {})
    assert two.block.base != one.block.base

    shutil.rmtree(one.folder)
    assert instances.load_or_make("three", {}).block.base == one.block.base


def test_env_prints_what_the_design_lists() -> None:
    printed = instances.load_or_make("one", {}).printed()

    assert tuple(printed) == instances.PRINTED
    assert printed["ULTRAMARKET_MONGO_URL"].endswith("/?replicaSet=rs0&w=majority")
    assert "ULTRAMARKET_SECRET_KEY" not in printed


def test_a_server_named_by_the_environment_is_used_and_remembered_until_it_is_unnamed() -> None:
    theirs = "postgresql://me@db.example/shop"

    assert instances.load_or_make("one", {"ULTRAMARKET_POSTGRES_URL": theirs}).url("postgres") == theirs
    assert instances.load_or_make("one", {}).url("postgres") == theirs
    assert "127.0.0.1" in instances.load_or_make("one", {"ULTRAMARKET_POSTGRES_URL": ""}).url("postgres")


def test_what_ultramarket_env_exports_is_not_taken_for_somebody_elses_server() -> None:
    one = instances.load_or_make("one", {})

    two = instances.load_or_make("two", one.environment())

    assert two.external == {}
    assert two.environment()["ULTRAMARKET_INSTANCE"] == "two"


def test_further_settings_go_on_to_the_processes() -> None:
    instances.load_or_make("one", {"ULTRAMARKET_LOG_LEVEL": "DEBUG", "HOME": "/nowhere"})

    environment = instances.load_or_make("one", {}).environment()

    assert environment["ULTRAMARKET_LOG_LEVEL"] == "DEBUG"
    assert "HOME" not in environment


def test_an_instance_that_nobody_made_is_named() -> None:
    with pytest.raises(NoSuchInstance, match="no instance 'ghost'"):
        instances.load("ghost")


@pytest.mark.parametrize("name", ["../x", "", "Dev", "-a", "a" * 32, "a b"])
def test_a_name_is_a_plain_word(name: str) -> None:
    assert not instances.valid_name(name)
