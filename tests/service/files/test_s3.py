"""The S3 provider against a real server, SeaweedFS."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.common.errors import ServiceUnavailable
from services.files.providers.interface import ObjectNotFound
from services.files.providers.s3 import S3Store
from services.files.service import make_file_manager
from services.files.settings import FileSettings
from services.files.store import FileStore
from tests.service.files.conftest import Uploader
from tests.support.images import picture
from tests.support.seaweed import seaweed


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileSettings]:
    with seaweed(tmp_path_factory.mktemp("weed")) as endpoint:
        yield FileSettings(
            file_store="s3",
            file_folder=str(tmp_path_factory.mktemp("files")),
            file_grace_seconds=0,
            s3_endpoint=endpoint,
            s3_access_key="any",
            s3_secret_key="any",
        )


@pytest.fixture(scope="module")
def objects(settings: FileSettings) -> S3Store:
    store = S3Store(settings)
    store.client.create_bucket(Bucket=settings.s3_bucket)
    return store


def test_s3_put_range_read_and_remove(objects: S3Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 1000)
    for name in ("a", "b"):
        objects.put(f"p/{name}", source, "image/webp")
    objects.put("q/a", source, "image/webp")

    assert b"".join(objects.read("p/a", 0, 256_000)) == source.read_bytes()
    assert b"".join(objects.read("p/b", 250, 10)) == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
    objects.remove("p/")
    objects.remove("p/")
    with pytest.raises(ObjectNotFound):
        objects.read("p/a", 0, 10)
    assert b"".join(objects.read("q/a", 0, 2)) == b"\x00\x01"
    objects.ping()


def test_picture_is_stored_and_collected_in_s3(
    settings: FileSettings, objects: S3Store, store: FileStore, tmp_path: Path
) -> None:
    manager = make_file_manager(store, settings)
    uploader = Uploader(manager, tmp_path)
    stored = uploader.upload(picture(50, 50, "PNG", (9, 8, 7)))
    record = store.find(stored["id"])
    listed = objects.client.list_objects_v2(Bucket=settings.s3_bucket, Prefix=record.prefix)
    assert listed["KeyCount"] == 6

    store.remove(stored["id"])
    manager.collect()

    assert objects.client.list_objects_v2(Bucket=settings.s3_bucket, Prefix=record.prefix)["KeyCount"] == 0
    manager.pictures.close()


def test_unreachable_s3_raises_service_unavailable(settings: FileSettings, tmp_path: Path) -> None:
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{socket_.getsockname()[1]}"
    unreachable = S3Store(settings.model_copy(update={"s3_endpoint": endpoint}))
    (tmp_path / "x").write_bytes(b"x")

    with pytest.raises(ServiceUnavailable):
        unreachable.put("x", tmp_path / "x", "image/webp")
    with pytest.raises(ServiceUnavailable):
        unreachable.read("x", 0, 1)
