"""The generator of a service, on a copy of the files that list services."""

import shutil
from pathlib import Path

import pytest

from services.chassis.runtime.registry import PORT_OFFSETS
from ultramarket import new_service
from ultramarket.instance import ROOT

PORT = next(offset for offset in range(new_service.FIRST_FREE_PORT, 49) if offset not in PORT_OFFSETS.values())
LISTS = sorted({insertion.file for insertion in new_service._registrations("wishes", PORT)})


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in LISTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(new_service, "ROOT", tmp_path)
    return tmp_path


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registry list the service, as a process sees it that starts after `create`."""
    monkeypatch.setattr(new_service, "SERVICES", (*new_service.SERVICES, "wishes"))
    monkeypatch.setattr(new_service, "PORT_OFFSETS", {**new_service.PORT_OFFSETS, "wishes": PORT})


def contents(tree: Path) -> dict[str, str]:
    return {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()}


def test_created_service_is_in_all_lists_and_python(tree: Path) -> None:
    files = new_service.create("wishes")

    assert {str(path.relative_to(tree)) for path in files} > {*LISTS, "services/wishes/service.py"}
    for insertion in new_service._registrations("wishes", PORT):
        assert insertion.text in (tree / insertion.file).read_text(), insertion.file
    for path in tree.rglob("*.py"):
        compile(path.read_text(), path.name, "exec")


def test_removed_service_leaves_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(tree)
    new_service.create("wishes")
    (tree / "services/wishes/settings.py").write_text("ADDED = 1\n")
    register(monkeypatch)

    removal = new_service.remove("wishes")

    assert removal.left == []
    assert contents(tree) == before


def test_changed_entry_is_left_and_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_service.create("wishes")
    permissions = tree / "schemas/permissions/rpc_methods.py"
    entry, changed = '"add_note": needs(P.ACCOUNT_WRITE)', '"add_note": needs(P.USERS_READ)'
    permissions.write_text(permissions.read_text().replace(entry, changed))
    register(monkeypatch)

    removal = new_service.remove("wishes")

    assert removal.left == ['schemas/permissions/rpc_methods.py: "wishes": {']
    assert changed in permissions.read_text()


def test_missing_list_writes_nothing(tree: Path) -> None:
    (tree / "docs/calls.md").write_text("# Calls\n")
    before = contents(tree)

    with pytest.raises(LookupError, match=r"docs/calls\.md"):
        new_service.create("wishes")

    assert contents(tree) == before


@pytest.mark.parametrize("name", ["Wishes", "my-wishes", "class", "orders", "gateway", ""])
def test_invalid_or_taken_name_is_refused(name: str) -> None:
    with pytest.raises(new_service.InvalidName):
        new_service.check_name(name)


def test_byte_code_does_not_take_a_name(tree: Path) -> None:
    (tree / "services/wishes/__pycache__").mkdir(parents=True)
    (tree / "services/wishes/__pycache__/service.cpython-311.pyc").write_bytes(b"old")

    new_service.check_name("wishes")
