"""File lists: each caller sees their own files, administrators those of a given owner."""

from typing import Any

from nameko.testing.services import worker_factory

from schemas.api.files import FilesQuery
from schemas.caller import Caller
from services.chassis.common.ids import new_id
from services.files.service import FilesService
from tests.service.files.conftest import Uploader
from tests.support.images import picture


def listed(uploader: Uploader, caller: Caller, owner: str | None) -> list[str]:
    service: Any = worker_factory(FilesService, store=uploader.manager.store, manager=uploader.manager)
    page = service.list_files(FilesQuery(owner=owner), caller)
    return [item["id"] for item in page["items"]]


def test_only_an_administrator_lists_files_of_another_owner(uploader: Uploader) -> None:
    owner, other = (Caller(user_id=new_id(), roles=["CUSTOMER"]) for _ in range(2))
    admin = Caller(user_id=new_id(), roles=["ADMIN"])
    file_id = uploader.upload(picture(20, 20), "review", owner)["id"]

    assert listed(uploader, owner, None) == [file_id]
    assert listed(uploader, admin, owner.user_id) == [file_id]
    assert listed(uploader, other, owner.user_id) == []
    assert listed(uploader, admin, None) == []
