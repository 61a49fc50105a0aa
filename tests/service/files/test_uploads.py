"""Uploads: variants, deduplication, reference counts, garbage collection, crashes, quotas, events."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest
from PIL import Image
from sqlalchemy import func, select, text

from schemas.api.files import FilesQuery
from schemas.caller import Caller
from services.chassis.common.errors import (
    Conflict,
    NotFound,
    ServiceUnavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from services.chassis.stores.tables import outbox
from services.files.models import blobs, removals
from services.files.store import FileStore
from tests.service.files.conftest import Uploader
from tests.support.images import PDF, SVG, decompression_bomb, photograph, picture


def unique_picture(*sides: int) -> bytes:
    """A picture whose content differs from those of all other tests."""
    return picture(*(sides or (40, 30)), colour=tuple(new_id().encode()[-3:]))


def read(uploader: Uploader, file_id: str, name: str) -> bytes:
    record = uploader.manager.store.find(file_id)
    object_ = next(object_ for object_ in record.objects if object_.name == name)
    return b"".join(uploader.manager.objects.read(record.prefix + object_.name, 0, object_.bytes))


def reference_count(store: FileStore, sha256: str) -> int | None:
    with store.reading() as connection:
        return connection.execute(select(blobs.c.refs).where(blobs.c.sha256 == sha256)).scalar_one_or_none()


def pending_removals(store: FileStore) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(removals)).scalar_one())


def test_photo_is_rotated_and_stripped_of_metadata(uploader: Uploader) -> None:
    stored = uploader.upload(photograph(orientation=6))

    assert (stored["width"], stored["height"]) == (200, 400)
    for name, size in (("full.webp", (200, 400)), ("card.jpeg", (200, 400)), ("thumb.webp", (80, 160))):
        content = read(uploader, stored["id"], name)
        image = Image.open(io.BytesIO(content))
        assert image.size == size
        assert not image.getexif()
        assert b"SECRET" not in content
        red, _, blue = image.convert("RGB").getpixel((10, image.height // 2))  # type: ignore[misc]
        assert blue > 200 > 100 > red  # the lower half of the stored image is on the left


def test_pictures_get_three_sizes_without_enlarging(uploader: Uploader) -> None:
    large, small = uploader.upload(unique_picture(3000, 2000)), uploader.upload(unique_picture(100, 50))

    sizes = {
        name: [Image.open(io.BytesIO(read(uploader, record["id"], f"{name}.webp"))).size for record in (large, small)]
        for name in ("full", "card", "thumb")
    }
    assert sizes == {
        "full": [(1600, 1067), (100, 50)],
        "card": [(400, 267), (100, 50)],
        "thumb": [(160, 107), (100, 50)],
    }
    assert (large["width"], large["height"]) == (3000, 2000)


def test_16_bit_grey_stays_grey(uploader: Uploader) -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (40, 30), 0x8000 + int(new_id()[-2:], 16)).save(buffer, "PNG")

    stored = uploader.upload(buffer.getvalue())

    served = Image.open(io.BytesIO(read(uploader, stored["id"], "full.jpeg"))).convert("L")
    assert 120 < served.getpixel((20, 15)) < 136  # type: ignore[operator]


def test_transparency_becomes_white_in_jpeg(uploader: Uploader) -> None:
    stored = uploader.upload(picture(20, 20, "PNG", (1, 2, 3, 0)))

    jpeg = Image.open(io.BytesIO(read(uploader, stored["id"], "full.jpeg")))
    assert min(jpeg.convert("RGB").getpixel((5, 5))) > 250  # type: ignore[arg-type,type-var]
    assert Image.open(io.BytesIO(read(uploader, stored["id"], "full.webp"))).mode == "RGBA"


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (SVG, UnsupportedMediaType),
        (b"<html><script>", UnsupportedMediaType),
        (b"GIF89a" + bytes(20), ValidationFailed),
        (decompression_bomb(), ValidationFailed),
        (decompression_bomb(5000, 5000), ValidationFailed),
        (photograph()[:900], ValidationFailed),
        (b"\xff\xd8\xff\xe0" + b"<script>alert(1)</script>" * 40, ValidationFailed),
        (PDF, UnsupportedMediaType),
    ],
    ids=["svg", "html", "gif that ends", "bomb", "too many pixels", "half", "jpeg in name only", "pdf as a product"],
)
def test_invalid_file_leaves_nothing(uploader: Uploader, content: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        uploader.upload(content)
    assert uploader.objects() == []
    assert pending_removals(uploader.manager.store) == 0


def test_document_is_stored_unchanged(uploader: Uploader) -> None:
    content = PDF + new_id().encode()
    stored = uploader.upload(content, "document")

    assert (stored["private"], stored["variants"], stored["content_type"]) == (True, {}, "application/pdf")
    assert read(uploader, stored["id"], "original.pdf") == content
    with pytest.raises(ValidationFailed):
        uploader.upload(PDF.replace(b"%%EOF", b""), "document")


def test_same_content_is_stored_once(uploader: Uploader) -> None:
    content = unique_picture()
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda _: uploader.upload(content), range(8)))
    uploader.manager.collect()

    assert len({record["id"] for record in stored}) == 8
    assert reference_count(uploader.manager.store, stored[0]["sha256"]) == 8
    assert len(uploader.objects()) == 6
    assert pending_removals(uploader.manager.store) == 0


def test_orphan_is_removed_after_grace_period(uploader: Uploader) -> None:
    first, second = (uploader.upload(content) for content in [unique_picture()] * 2)
    store = uploader.manager.store

    store.remove(first["id"])
    uploader.manager.collect()
    assert reference_count(store, first["sha256"]) == 1
    store.remove(second["id"])
    assert store.remove_orphans(timedelta(hours=1)) == 0
    assert len(uploader.objects()) == 6
    uploader.manager.collect()

    assert reference_count(store, first["sha256"]) is None
    assert uploader.objects() == []
    with pytest.raises(NotFound):
        store.remove(second["id"])


def test_upload_within_grace_period_saves_content(uploader: Uploader) -> None:
    content = unique_picture()
    uploader.manager.store.remove(uploader.upload(content)["id"])
    again = uploader.upload(content)
    uploader.manager.collect()

    assert read(uploader, again["id"], "thumb.webp")


def test_concurrent_upload_and_collection_lose_nothing(uploader: Uploader) -> None:
    content, store = unique_picture(), uploader.manager.store

    def upload_and_remove(_: int) -> None:
        for _turn in range(6):
            stored = uploader.upload(content)
            assert read(uploader, stored["id"], "card.webp")
            store.remove(stored["id"])

    def collect(_: int) -> None:
        for _turn in range(30):
            uploader.manager.collect()

    with ThreadPoolExecutor(6) as pool:
        tasks = [
            pool.submit(work, 0) for work in (upload_and_remove, upload_and_remove, upload_and_remove, collect, collect)
        ]
        for task in tasks:
            task.result()
    last = uploader.upload(content)
    uploader.manager.collect()
    assert len(read(uploader, last["id"], "full.jpeg")) > 0
    assert len(uploader.objects()) == 6


class SimulatedCrash(BaseException):
    """The simulated end of the process."""


@pytest.mark.parametrize("moment", ["objects", "commit"])
def test_aborted_upload_is_cleaned_up(uploader: Uploader, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise SimulatedCrash

    original: Callable[..., None] = uploader.manager.objects.put
    calls: list[str] = []

    def put(key: str, *rest: Any) -> None:
        original(key, *rest)
        calls.append(key)
        if moment == "objects" and len(calls) == 3:
            crash()

    content = unique_picture()
    monkeypatch.setattr(uploader.manager.objects, "put", put)
    if moment == "commit":
        monkeypatch.setattr(uploader.manager.store, "add", crash)
    with pytest.raises(SimulatedCrash):
        uploader.upload(content)
    monkeypatch.undo()
    assert len(uploader.objects()) == len(calls) > 0

    uploader.manager.collect()
    assert len(uploader.objects()) == len(calls)  # the upload might still be in progress
    with uploader.manager.store.transaction() as session:
        session.execute(text("update removals set due_at = now()"))
    uploader.manager.collect()

    assert uploader.objects() == []
    assert read(uploader, uploader.upload(content)["id"], "full.webp")


def test_upload_with_claimed_prefix_fails(uploader: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    store, add = uploader.manager.store, uploader.manager.store.add

    def add_after_collection(*arguments: Any) -> Any:
        with store.transaction() as session:
            session.execute(text("update removals set due_at = now()"))
        uploader.manager.collect()
        return add(*arguments)

    monkeypatch.setattr(store, "add", add_after_collection)
    with pytest.raises(ServiceUnavailable):
        uploader.upload(unique_picture())
    assert uploader.objects() == []


def test_quota_holds_for_concurrent_uploads(uploader: Uploader) -> None:
    customer = Caller(user_id=new_id(), roles=["CUSTOMER"])
    contents = [PDF + bytes(300_000) + b"%%EOF" + new_id().encode() for _ in range(8)]

    def upload(content: bytes) -> bool:
        try:
            uploader.upload(content, "document", customer)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(upload, contents))
    assert sum(accepted) == 3
    own_files = uploader.manager.store.page(FilesQuery(), customer.user_id)
    assert own_files["total"] == 3
    uploader.manager.store.remove(own_files["items"][0]["id"])
    assert upload(contents[accepted.index(False)])


def test_upload_and_deletion_publish_events(uploader: Uploader) -> None:
    stored = uploader.upload(unique_picture(), "review")
    uploader.manager.store.remove(stored["id"])

    with uploader.manager.store.reading() as connection:
        bodies = connection.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
        events = [event for event in map(orjson.loads, bodies) if event["subject"] == stored["id"]]
    events = [event for event in events if event["type"] != "action_recorded"]
    assert [event["type"] for event in events] == ["file_stored", "file_deleted"]
    assert events[0]["data"] == events[1]["data"]
    assert events[0]["data"]["purpose"] == "review"
    assert events[0]["data"]["owner_id"] == uploader.caller.user_id


def test_staff_uploads_and_deletions_are_audited(uploader: Uploader) -> None:
    by_customer = uploader.upload(unique_picture(), "review", Caller(user_id=new_id(), roles=["CUSTOMER"]))
    by_staff = uploader.upload(unique_picture())
    uploader.manager.store.remove(by_staff["id"], audited=True)

    with uploader.manager.store.reading() as connection:
        events = [orjson.loads(body) for body in connection.execute(select(outbox.c.body)).scalars()]
    audited = [event["data"] for event in events if event["type"] == "action_recorded"]
    audited_actions = {(entry["action"], entry["resource"]["id"]) for entry in audited}
    assert {("file.create", by_staff["id"]), ("file.delete", by_staff["id"])} <= audited_actions
    assert ("file.create", by_customer["id"]) not in audited_actions
