"""The files service on a real PostgreSQL, with a folder of the test's own for its objects."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schemas.base import Caller
from services.chassis.common.ids import new_id
from services.chassis.testing import connect_postgres
from services.files.form import HEAD_BYTES, Staged
from services.files.keeper import Keeper
from services.files.service import make_keeper
from services.files.settings import FileSettings
from services.files.store import FileStore


@dataclass
class Desk:
    """Whoever brings files."""

    keeper: Keeper
    folder: Path
    caller: Caller = field(default_factory=lambda: Caller(user_id=new_id(), roles=["ADMIN"]))

    def bring(self, content: bytes, purpose: str = "product", caller: Caller | None = None) -> dict[str, Any]:
        folder = self.folder / new_id()
        folder.mkdir(parents=True)
        digest = hashlib.sha256(content).hexdigest()
        form = Staged(folder, {"purpose": purpose}, "a.jpg", len(content), digest)
        form.head, form.tail = content[:HEAD_BYTES], content[-HEAD_BYTES:]
        form.path.write_bytes(content)
        return self.keeper.keep(form, caller or self.caller)

    def objects(self) -> list[str]:
        """What is in the folder of objects."""
        root = Path(self.keeper.settings.file_folder) / "objects"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def store() -> Iterator[FileStore]:
    with connect_postgres("files", FileStore) as connected:
        yield connected


@pytest.fixture
def desk(store: FileStore, tmp_path: Path) -> Iterator[Desk]:
    settings = FileSettings(
        file_folder=str(tmp_path / "files"), file_grace_seconds=0, picture_megapixels=20, file_quota_customer_mb=1
    )
    keeper = make_keeper(store, settings)
    yield Desk(keeper, tmp_path / "incoming")
    keeper.pictures.close()
