"""Data of servers outside of the instance's folder: a new instance starts without what a deleted one left there."""

import os
from pathlib import Path

import pytest

from ultramarket.credentials import with_missing_passwords
from ultramarket.instance import Instance
from ultramarket.ports import Block, with_missing_ports
from ultramarket.servers import elasticsearch
from ultramarket.servers.elasticsearch import Elasticsearch

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root's instances keep data outside of their folder")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(elasticsearch, "OUTSIDE", tmp_path / "outside")
    folder = tmp_path / "instance"
    folder.mkdir()
    return Instance("one", folder, with_missing_ports(Block(3000, {})), with_missing_passwords({}))


def leave_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "segment"
    file.write_text("of a deleted instance")
    return file


def test_new_instance_has_an_empty_search_index(instance: Instance, tmp_path: Path) -> None:
    outdated = leave_file(tmp_path / "outside" / instance.short_id / "elasticsearch" / "data")

    Elasticsearch().prepare(instance)

    assert not outdated.exists()
    assert (instance.folder / "elasticsearch").resolve() == outdated.parent.parent


def test_search_index_of_an_instance_is_kept(instance: Instance) -> None:
    Elasticsearch().prepare(instance)
    kept = leave_file(instance.folder / "elasticsearch" / "data")

    Elasticsearch().prepare(instance)

    assert kept.read_text() == "of a deleted instance"
