"""Bringing a file: what it is, whether its content is here already, and if not, making its objects."""

import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import filetype

from schemas.base import Caller
from schemas.signed.file_grants import PUBLIC_PATH
from services.chassis.common.errors import ValidationFailed
from services.chassis.common.ids import new_id
from services.files import domain
from services.files.domain import PDF, Kept
from services.files.form import Staged
from services.files.pictures.pool import PicturePool
from services.files.providers.interface import ObjectStore
from services.files.settings import FileSettings
from services.files.store import Content, FileStore, NewFile

FORGOTTEN_SECONDS = 3600
"""An upload's folder of that age was left by a process that died."""


class Keeper:
    """The service's store, the object store and the picture workers, together."""

    def __init__(self, store: FileStore, objects: ObjectStore, pictures: PicturePool, settings: FileSettings) -> None:
        self.store, self.objects, self.pictures, self.settings = store, objects, pictures, settings

    @property
    def staging(self) -> Path:
        return Path(self.settings.file_folder) / "incoming"

    def keep(self, form: Staged, caller: Caller) -> dict[str, Any]:
        """The kept file as the API says it. Nothing of it is there when this raises."""
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
            told=caller.is_admin or caller.is_vendor,
        )
        found = self.store.add_known(new) or self._add(new, form, content_type)
        return domain.shown(found.row, PUBLIC_PATH)

    def collect(self) -> None:
        """Remove contents that nobody has had for the grace time, and what uploads that died left behind."""
        while self.store.give_up_orphans(timedelta(seconds=self.settings.file_grace_seconds)):
            pass
        while due := self.store.due():
            for prefix in due:
                self.objects.remove(prefix)
                self.store.removed(prefix)
        self._tidy()

    def _add(self, new: NewFile, form: Staged, content_type: str) -> Any:
        prefix = f"{new.sha256[:2]}/{new.sha256}/{new_id()}/"
        content = self._make(form, content_type, prefix)
        self.store.intend(prefix)
        for kept in content.objects:
            self.objects.put(prefix + kept.name, form.folder / kept.name, kept.content_type)
        return self.store.add(new, content)

    def _make(self, form: Staged, content_type: str, prefix: str) -> Content:
        if content_type == PDF:
            if b"%%EOF" not in form.tail:
                raise ValidationFailed.of("file", "is not a whole PDF")
            form.path.rename(form.folder / "original.pdf")
            return Content(prefix, PDF, (Kept("original", "pdf", form.size),))
        made = self.pictures.encode(form.path, form.folder)
        objects = tuple(Kept(**kept) for kept in made["objects"])
        return Content(prefix, content_type, objects, made["width"], made["height"])

    def _tidy(self) -> None:
        if self.staging.exists():
            for left in self.staging.glob("upload-*"):
                if left.stat().st_mtime < time.time() - FORGOTTEN_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
