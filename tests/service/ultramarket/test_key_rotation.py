"""Rotation of the encryption key: stored secrets are encrypted again, whenever it was interrupted."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from services.chassis.common.encryption import Encryption
from services.chassis.common.ids import new_id
from services.chassis.common.key_ring import KeyRing
from services.chassis.stores.encrypted import EncryptedColumn, EncryptedField
from services.chassis.stores.mongo import connect
from services.chassis.stores.postgres import service_url
from tests.unit.ultramarket.test_programs import instance as new_instance
from ultramarket.encryption_key_rotation import EncryptedPlace, place_of_column, place_of_field, rotate_encryption_key
from ultramarket.instance import Instance
from ultramarket.keys import new_key_ring, write_private

COUNT = 450


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = new_instance()
    instance.folder = tmp_path
    write_private(instance.encryption_keys, new_key_ring())
    return instance


@pytest.fixture
def column(instance: Instance) -> Iterator[tuple[Engine, EncryptedPlace]]:
    """A table with encrypted values."""
    url = service_url(os.environ["ULTRAMARKET_POSTGRES_URL"], "public")
    engine, table = create_engine(url), f"test_{new_id().replace('-', '')}"
    cipher = Encryption(instance.encryption_keys)
    rows = [
        {"id": str(number), "secret": cipher.encrypt(b"%d" % number, purpose="test", record=str(number))}
        for number in range(COUNT)
    ]
    with engine.begin() as connection:
        connection.execute(text(f"create table {table} (id text primary key, secret text)"))
        connection.execute(text(f"insert into {table} values (:id, :secret)"), rows)
        connection.execute(text(f"insert into {table} values ('none', null)"))
    yield engine, place_of_column(url, EncryptedColumn(table, "secret", "id", "test"))
    with engine.begin() as connection:
        connection.execute(text(f"drop table {table} cascade"))
    engine.dispose()


class Killed(Exception):
    """Ends a rotation between two batches."""


def test_column_is_encrypted_under_the_new_key(instance: Instance, column: tuple[Engine, EncryptedPlace]) -> None:
    _, place = column
    cipher, steps = Encryption(instance.encryption_keys), list[int]()

    assert rotate_encryption_key(instance, [place], steps.append) == COUNT

    assert place.stale(cipher) == 0
    assert sum(steps) == COUNT
    assert len(KeyRing.loads(instance.encryption_keys.read_text()).keys) == 2


def test_interrupted_rotation_is_finished(instance: Instance, column: tuple[Engine, EncryptedPlace]) -> None:
    _, place = column
    cipher = Encryption(instance.encryption_keys)

    def kill(_count: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        rotate_encryption_key(instance, [place], kill)
    left = place.stale(cipher)
    assert 0 < left < COUNT

    assert rotate_encryption_key(instance, [place]) == left

    assert place.stale(cipher) == 0
    assert len(KeyRing.loads(instance.encryption_keys.read_text()).keys) == 2


def test_field_is_encrypted_under_the_new_key(instance: Instance) -> None:
    cipher = Encryption(instance.encryption_keys)
    with connect(os.environ["ULTRAMARKET_MONGO_URL"]) as client:
        database = client[f"test_{new_id()}"]
        text = cipher.encrypt(b"hook", purpose="test", record="one")
        database["hooks"].insert_one({"_id": "one", "target": {"secret": text}})

        rotate_encryption_key(instance, [place_of_field(database, EncryptedField("hooks", "target.secret", "test"))])

        stored = database["hooks"].find_one({"_id": "one"})
        client.drop_database(database.name)
    assert stored is not None
    assert cipher.is_current(stored["target"]["secret"])
    assert cipher.decrypt(stored["target"]["secret"], purpose="test", record="one") == b"hook"
