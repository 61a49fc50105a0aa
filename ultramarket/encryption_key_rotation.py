"""Rotation of the key that stored secrets are encrypted with.

Can be repeated: a rotation that was interrupted is finished by the next one, which then adds no further key.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import create_engine

from services.chassis.common.encryption import Encryption
from services.chassis.common.key_ring import KeyRing
from services.chassis.migrations.steps import stores_of
from services.chassis.runtime.registry import MONGO_SERVICES, POSTGRES_SERVICES
from services.chassis.stores import encrypted, mongo, postgres
from ultramarket.instance import Instance
from ultramarket.keys import write_private

Progress = Callable[[int], None]
Reencrypt = Callable[[Encryption, Progress], int]


def rotate_encryption_key(
    instance: Instance, places: "list[EncryptedPlace]", progress: Progress = lambda _count: None
) -> int:
    """Add a key to the ring and encrypt all stored secrets again under it; the number of values.

    Where values under older keys are left, an earlier rotation was interrupted: then they are encrypted under the
    newest key that there is.
    """
    cipher = Encryption(instance.encryption_keys)
    if not any(place.stale(cipher) for place in places):
        ring = KeyRing.loads(instance.encryption_keys.read_text()).with_new_key()
        write_private(instance.encryption_keys, ring.dumps())
    return sum(place.reencrypt(cipher, progress) for place in places)


class EncryptedPlace:
    """A column or field with encrypted values."""

    def __init__(self, total: Callable[[], int], stale: Callable[[Encryption], int], reencrypt: Reencrypt) -> None:
        self.total, self.stale, self.reencrypt = total, stale, reencrypt


def encrypted_places(instance: Instance) -> list[EncryptedPlace]:
    """All columns and fields that the services' stores declare."""
    return [*_columns(instance.url("postgres")), *_fields(instance.url("mongodb"))]


def _columns(url: str) -> Iterator[EncryptedPlace]:
    for service in POSTGRES_SERVICES:
        stores = stores_of(service, postgres.PostgresStore)
        for column in dict.fromkeys(column for store in stores for column in store.encrypted_columns):
            yield place_of_column(postgres.service_url(url, service), column)


def place_of_column(url: str, column: encrypted.EncryptedColumn) -> EncryptedPlace:
    """A column in the schema that the URL works in."""
    engine = create_engine(url)

    def stale(cipher: Encryption) -> int:
        with engine.connect() as connection:
            return encrypted.stale_in_column(connection, column, cipher)

    def total() -> int:
        with engine.connect() as connection:
            return encrypted.count_column(connection, column)

    return EncryptedPlace(total, stale, partial(encrypted.reencrypt_column, engine, column))


def _fields(url: str) -> Iterator[EncryptedPlace]:
    for service in MONGO_SERVICES:
        stores = stores_of(service, mongo.MongoStore)
        for field in dict.fromkeys(field for store in stores for field in store.encrypted_fields):
            yield place_of_field(mongo.connect(url)[mongo.database_name(service)], field)


def place_of_field(database: Any, field: encrypted.EncryptedField) -> EncryptedPlace:
    """A field in a database."""
    return EncryptedPlace(
        partial(encrypted.count_field, database, field),
        partial(encrypted.stale_in_field, database, field),
        partial(encrypted.reencrypt_field, database, field),
    )
