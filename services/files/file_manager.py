"""File manager: stores uploads with deduplication, and removes unused contents."""

import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import filetype

from schemas.caller import Caller
from schemas.permissions.permission import Permission
from schemas.signed.file_grants import PUBLIC_PATH
from services.chassis.common.errors import ValidationFailed
from services.chassis.common.ids import new_id
from services.files import domain
from services.files.domain import PDF, StoredObject
from services.files.pictures.pool import PicturePool
from services.files.providers.interface import ObjectStore
from services.files.settings import FileSettings
from services.files.store import Content, FileStore, NewFile
from services.files.upload_form import UploadForm

STALE_UPLOAD_SECONDS = 3600
"""Age at which an upload folder is considered abandoned."""


class FileManager:
    """Coordinates the database, the object store and the picture workers."""

    def __init__(self, store: FileStore, objects: ObjectStore, pictures: PicturePool, settings: FileSettings) -> None:
        self.store, self.objects, self.pictures, self.settings = store, objects, pictures, settings

    @property
    def staging(self) -> Path:
        """The folder of uploads in progress."""
        return Path(self.settings.file_folder) / "incoming"

    def store_upload(self, form: UploadForm, caller: Caller) -> dict[str, Any]:
        """Store an uploaded file; returns it as `StoredFile`. Atomic: an error leaves nothing behind."""
        purpose = domain.check_purpose(form.fields.get("purpose"), caller)
        private = domain.is_private(form.fields.get("private"), purpose)
        guess = filetype.guess(form.head)
        content_type = domain.check_type(guess.mime if guess else None, purpose)
        limits = (self.settings.file_quota_customer_mb, self.settings.file_quota_vendor_mb)
        name = "".join(char for char in form.name if char.isprintable()).strip()[:200]
        new = NewFile(
            sha256=form.sha256,
            owner_id=str(caller.user_id),
            purpose=purpose,
            name=name or f"file.{guess.extension}",
            private=private,
            bytes=form.size,
            quota=domain.quota_of(caller, *limits),
            audited=caller.may(Permission.PRODUCTS_WRITE),
        )
        record = self.store.add_existing(new) or self._add(new, form, content_type)
        return domain.to_api(record.row, PUBLIC_PATH)

    def collect(self) -> None:
        """Remove contents without files after the grace period, and the leftovers of aborted uploads."""
        while self.store.remove_orphans(timedelta(seconds=self.settings.file_grace_seconds)):
            pass
        while claim_due_removals := self.store.claim_due_removals():
            for prefix in claim_due_removals:
                self.objects.remove(prefix)
                self.store.finish_removal(prefix)
        self._remove_stale_uploads()

    def _add(self, new: NewFile, form: UploadForm, content_type: str) -> Any:
        prefix = f"{new.sha256[:2]}/{new.sha256}/{new_id()}/"
        content = self._create_objects(form, content_type, prefix)
        self.store.schedule_removal(prefix)
        for object_ in content.objects:
            self.objects.put(prefix + object_.name, form.folder / object_.name, object_.content_type)
        return self.store.add(new, content)

    def _create_objects(self, form: UploadForm, content_type: str, prefix: str) -> Content:
        if content_type == PDF:
            if b"%%EOF" not in form.tail:
                raise ValidationFailed.of("file", "is an incomplete PDF")
            form.path.rename(form.folder / "original.pdf")
            return Content(prefix, PDF, (StoredObject("original", "pdf", form.size),))
        made = self.pictures.encode(form.path, form.folder)
        objects = tuple(StoredObject(**object_) for object_ in made["objects"])
        return Content(prefix, content_type, objects, made["width"], made["height"])

    def _remove_stale_uploads(self) -> None:
        if self.staging.exists():
            for folder in self.staging.glob("upload-*"):
                if folder.stat().st_mtime < time.time() - STALE_UPLOAD_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
