"""The files service on the real PostgreSQL, with a temporary folder for its objects."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schemas.caller import Caller
from services.chassis.common.ids import new_id
from services.chassis.testing import connect_postgres
from services.files.file_manager import FileManager
from services.files.service import make_file_manager
from services.files.settings import FileSettings
from services.files.store import FileStore
from services.files.upload_form import HEAD_BYTES, UploadForm


@dataclass
class Uploader:
    """Uploads files as a caller."""

    manager: FileManager
    folder: Path
    caller: Caller = field(default_factory=lambda: Caller(user_id=new_id(), roles=["ADMIN"]))

    def upload(self, content: bytes, purpose: str = "product", caller: Caller | None = None) -> dict[str, Any]:
        folder = self.folder / new_id()
        folder.mkdir(parents=True)
        digest = hashlib.sha256(content).hexdigest()
        form = UploadForm(folder, {"purpose": purpose}, "a.jpg", len(content), digest)
        form.head, form.tail = content[:HEAD_BYTES], content[-HEAD_BYTES:]
        form.path.write_bytes(content)
        return self.manager.store_upload(form, caller or self.caller)

    def objects(self) -> list[str]:
        """The paths of all stored objects."""
        root = Path(self.manager.settings.file_folder) / "objects"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def store() -> Iterator[FileStore]:
    with connect_postgres("files", FileStore) as connected:
        yield connected


@pytest.fixture
def uploader(store: FileStore, tmp_path: Path) -> Iterator[Uploader]:
    settings = FileSettings(
        file_folder=str(tmp_path / "files"), file_grace_seconds=0, picture_megapixels=20, file_quota_customer_mb=1
    )
    manager = make_file_manager(store, settings)
    yield Uploader(manager, tmp_path / "incoming")
    manager.pictures.close()
