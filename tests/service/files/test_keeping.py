"""A content is kept once, however many have it, and goes when nobody has it any more; whatever happens in between."""

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
from schemas.base import Caller
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
from tests.service.files.conftest import Desk
from tests.support.pictures import PDF, SVG, bomb, photograph, picture


def unlike(*sides: int) -> bytes:
    """A picture that no other test has."""
    return picture(*(sides or (40, 30)), colour=tuple(new_id().encode()[-3:]))


def read(desk: Desk, file_id: str, name: str) -> bytes:
    found = desk.keeper.store.find(file_id)
    kept = next(kept for kept in found.objects if kept.name == name)
    return b"".join(desk.keeper.objects.read(found.prefix + kept.name, 0, kept.bytes))


def refs(store: FileStore, sha256: str) -> int | None:
    with store.reading() as connection:
        return connection.execute(select(blobs.c.refs).where(blobs.c.sha256 == sha256)).scalar_one_or_none()


def left_to_remove(store: FileStore) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(removals)).scalar_one())


def test_a_photograph_is_turned_upright_and_tells_nothing(desk: Desk) -> None:
    stored = desk.bring(photograph(orientation=6))

    assert (stored["width"], stored["height"]) == (200, 400)
    for name, size in (("full.webp", (200, 400)), ("card.jpeg", (200, 400)), ("thumb.webp", (80, 160))):
        content = read(desk, stored["id"], name)
        image = Image.open(io.BytesIO(content))
        assert image.size == size
        assert not image.getexif()
        assert b"SECRET" not in content
        red, _, blue = image.convert("RGB").getpixel((10, image.height // 2))  # type: ignore[misc]
        assert blue > 200 > 100 > red  # what was below is on the left


def test_a_large_picture_becomes_three_sizes_and_a_small_one_stays_small(desk: Desk) -> None:
    large, small = desk.bring(unlike(3000, 2000)), desk.bring(unlike(100, 50))

    sizes = {
        name: [Image.open(io.BytesIO(read(desk, found["id"], f"{name}.webp"))).size for found in (large, small)]
        for name in ("full", "card", "thumb")
    }
    assert sizes == {
        "full": [(1600, 1067), (100, 50)],
        "card": [(400, 267), (100, 50)],
        "thumb": [(160, 107), (100, 50)],
    }
    assert (large["width"], large["height"]) == (3000, 2000)


def test_sixteen_bits_of_grey_stay_grey(desk: Desk) -> None:
    scan = io.BytesIO()
    Image.new("I;16", (40, 30), 0x8000 + int(new_id()[-2:], 16)).save(scan, "PNG")

    stored = desk.bring(scan.getvalue())

    shown = Image.open(io.BytesIO(read(desk, stored["id"], "full.jpeg"))).convert("L")
    assert 120 < shown.getpixel((20, 15)) < 136  # type: ignore[operator]


def test_what_shines_through_is_white_in_a_jpeg(desk: Desk) -> None:
    stored = desk.bring(picture(20, 20, "PNG", (1, 2, 3, 0)))

    jpeg = Image.open(io.BytesIO(read(desk, stored["id"], "full.jpeg")))
    assert min(jpeg.convert("RGB").getpixel((5, 5))) > 250  # type: ignore[arg-type,type-var]
    assert Image.open(io.BytesIO(read(desk, stored["id"], "full.webp"))).mode == "RGBA"


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (SVG, UnsupportedMediaType),
        (b"<html><script>", UnsupportedMediaType),
        (b"GIF89a" + bytes(20), ValidationFailed),
        (bomb(), ValidationFailed),
        (bomb(5000, 5000), ValidationFailed),
        (photograph()[:900], ValidationFailed),
        (b"\xff\xd8\xff\xe0" + b"<script>alert(1)</script>" * 40, ValidationFailed),
        (PDF, UnsupportedMediaType),
    ],
    ids=["svg", "html", "gif that ends", "bomb", "too many pixels", "half", "jpeg in name only", "pdf as a product"],
)
def test_what_is_no_good_leaves_nothing(desk: Desk, content: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        desk.bring(content)
    assert desk.objects() == []
    assert left_to_remove(desk.keeper.store) == 0


def test_a_document_is_kept_as_it_came(desk: Desk) -> None:
    content = PDF + new_id().encode()
    stored = desk.bring(content, "document")

    assert (stored["private"], stored["variants"], stored["content_type"]) == (True, {}, "application/pdf")
    assert read(desk, stored["id"], "original.pdf") == content
    with pytest.raises(ValidationFailed):
        desk.bring(PDF.replace(b"%%EOF", b""), "document")


def test_the_same_content_is_stored_once(desk: Desk) -> None:
    content = unlike()
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda _: desk.bring(content), range(8)))
    desk.keeper.collect()

    assert len({found["id"] for found in stored}) == 8
    assert refs(desk.keeper.store, stored[0]["sha256"]) == 8
    assert len(desk.objects()) == 6
    assert left_to_remove(desk.keeper.store) == 0


def test_what_nobody_has_is_removed_after_the_grace(desk: Desk) -> None:
    first, second = (desk.bring(content) for content in [unlike()] * 2)
    store = desk.keeper.store

    store.remove(first["id"])
    desk.keeper.collect()
    assert refs(store, first["sha256"]) == 1
    store.remove(second["id"])
    assert store.give_up_orphans(timedelta(hours=1)) == 0
    assert len(desk.objects()) == 6
    desk.keeper.collect()

    assert refs(store, first["sha256"]) is None
    assert desk.objects() == []
    with pytest.raises(NotFound):
        store.remove(second["id"])


def test_who_brings_it_again_within_the_grace_saves_it(desk: Desk) -> None:
    content = unlike()
    desk.keeper.store.remove(desk.bring(content)["id"])
    again = desk.bring(content)
    desk.keeper.collect()

    assert read(desk, again["id"], "thumb.webp")


def test_bringing_and_collecting_at_the_same_time_loses_nothing(desk: Desk) -> None:
    content, store = unlike(), desk.keeper.store

    def bring_and_drop(_: int) -> None:
        for _turn in range(6):
            stored = desk.bring(content)
            assert read(desk, stored["id"], "card.webp")
            store.remove(stored["id"])

    def collect(_: int) -> None:
        for _turn in range(30):
            desk.keeper.collect()

    with ThreadPoolExecutor(6) as pool:
        tasks = [pool.submit(work, 0) for work in (bring_and_drop, bring_and_drop, bring_and_drop, collect, collect)]
        for task in tasks:
            task.result()
    last = desk.bring(content)
    desk.keeper.collect()
    assert len(read(desk, last["id"], "full.jpeg")) > 0
    assert len(desk.objects()) == 6


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("moment", ["objects", "commit"])
def test_an_upload_that_dies_leaves_nothing_for_ever(desk: Desk, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise Killed

    original: Callable[..., None] = desk.keeper.objects.put
    calls: list[str] = []

    def put(key: str, *rest: Any) -> None:
        original(key, *rest)
        calls.append(key)
        if moment == "objects" and len(calls) == 3:
            die()

    content = unlike()
    monkeypatch.setattr(desk.keeper.objects, "put", put)
    if moment == "commit":
        monkeypatch.setattr(desk.keeper.store, "add", die)
    with pytest.raises(Killed):
        desk.bring(content)
    monkeypatch.undo()
    assert len(desk.objects()) == len(calls) > 0

    desk.keeper.collect()
    assert len(desk.objects()) == len(calls)  # it might still be at work
    with desk.keeper.store.transaction() as session:
        session.execute(text("update removals set due_at = now()"))
    desk.keeper.collect()

    assert desk.objects() == []
    assert read(desk, desk.bring(content)["id"], "full.webp")


def test_an_upload_whose_objects_are_being_removed_does_not_end_well(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, add = desk.keeper.store, desk.keeper.store.add

    def late(*arguments: Any) -> Any:
        with store.transaction() as session:
            session.execute(text("update removals set due_at = now()"))
        desk.keeper.collect()
        return add(*arguments)

    monkeypatch.setattr(store, "add", late)
    with pytest.raises(ServiceUnavailable):
        desk.bring(unlike())
    assert desk.objects() == []


def test_a_quota_holds_against_uploads_at_the_same_moment(desk: Desk) -> None:
    customer = Caller(user_id=new_id(), roles=["CUSTOMER"])
    contents = [PDF + bytes(300_000) + b"%%EOF" + new_id().encode() for _ in range(8)]

    def bring(content: bytes) -> bool:
        try:
            desk.bring(content, "document", customer)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(bring, contents))
    assert sum(kept) == 3
    mine = desk.keeper.store.page(FilesQuery(), customer.user_id)
    assert mine["total"] == 3
    desk.keeper.store.remove(mine["items"][0]["id"])
    assert bring(contents[kept.index(False)])


def test_each_file_says_that_it_is_there_and_that_it_is_gone(desk: Desk) -> None:
    stored = desk.bring(unlike(), "review")
    desk.keeper.store.remove(stored["id"])

    with desk.keeper.store.reading() as connection:
        bodies = connection.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
        said = [event for event in map(orjson.loads, bodies) if event["subject"] == stored["id"]]
    said = [event for event in said if event["type"] != "action_recorded"]
    assert [event["type"] for event in said] == ["file_stored", "file_deleted"]
    assert said[0]["data"] == said[1]["data"]
    assert said[0]["data"]["purpose"] == "review"
    assert said[0]["data"]["owner_id"] == desk.caller.user_id


def test_what_staff_bring_and_remove_is_in_the_audit_trail(desk: Desk) -> None:
    by_customer = desk.bring(unlike(), "review", Caller(user_id=new_id(), roles=["CUSTOMER"]))
    by_staff = desk.bring(unlike())
    desk.keeper.store.remove(by_staff["id"], told=True)

    with desk.keeper.store.reading() as connection:
        said = [orjson.loads(body) for body in connection.execute(select(outbox.c.body)).scalars()]
    told = [event["data"] for event in said if event["type"] == "action_recorded"]
    done = {(entry["action"], entry["resource"]["id"]) for entry in told}
    assert {("file.create", by_staff["id"]), ("file.delete", by_staff["id"])} <= done
    assert ("file.create", by_customer["id"]) not in done
