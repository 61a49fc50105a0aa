"""Columns and fields with encrypted values, and their encryption under the newest key of the key ring.

A store declares them, and `ultramarket keys rotate` finds them there:

    encrypted_columns = (EncryptedColumn("totp", "secret", record="user_id", purpose="auth.totp"),)
    encrypted_fields = (EncryptedField("subscriptions", "secret", purpose="webhooks.secret"),)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pymongo.database import Database
from sqlalchemy import Connection, Engine, text

from services.chassis.common.encryption import Encryption

BATCH: Final = 200
Progress = Callable[[int], None]


@dataclass(frozen=True)
class EncryptedColumn:
    """A text column whose values were encrypted for `purpose` and the record that the column `record` names."""

    table: str
    column: str
    record: str
    purpose: str


@dataclass(frozen=True)
class EncryptedField:
    """A field of MongoDB documents (a path with dots), encrypted for `purpose` and the document's `_id`."""

    collection: str
    field: str
    purpose: str


def reencrypt_column(engine: Engine, column: EncryptedColumn, cipher: Encryption, progress: Progress) -> int:
    """Encrypt the values that are under older keys again; their number. One transaction per batch, idempotent.

    A value that a service changes meanwhile is left alone: it was written under the newest key.
    """
    name, key, stored = f'"{column.table}"', f'"{column.record}"', f'"{column.column}"'
    stale = text(f"select {key}, {stored} from {name} where {stored} not like :prefix limit {BATCH} for update")
    change = text(f"update {name} set {stored} = :new where {key} = :key and {stored} = :old")
    total = 0
    while True:
        with engine.begin() as connection:
            rows = connection.execute(stale, {"prefix": cipher.current_prefix() + "%"}).all()
            for record, old in rows:
                new = _again(cipher, old, column.purpose, str(record))
                connection.execute(change, {"new": new, "key": record, "old": old})
        if not rows:
            return total
        total += len(rows)
        progress(len(rows))


def stale_in_column(connection: Connection, column: EncryptedColumn, cipher: Encryption) -> int:
    """The number of values that are under older keys."""
    query = text(f'select count(*) from "{column.table}" where "{column.column}" not like :prefix')
    return int(connection.execute(query, {"prefix": cipher.current_prefix() + "%"}).scalar_one())


def count_column(connection: Connection, column: EncryptedColumn) -> int:
    """The number of encrypted values."""
    return int(connection.execute(text(f'select count("{column.column}") from "{column.table}"')).scalar_one())


def reencrypt_field(
    database: Database[dict[str, Any]], field: EncryptedField, cipher: Encryption, progress: Progress
) -> int:
    """Do the same for a field of documents, with one update each."""
    collection, total = database[field.collection], 0
    while documents := list(collection.find(_stale(field, cipher), {field.field: 1}).limit(BATCH)):
        for document in documents:
            old = _at(document, field.field)
            new = _again(cipher, old, field.purpose, str(document["_id"]))
            collection.update_one({"_id": document["_id"], field.field: old}, {"$set": {field.field: new}})
        total += len(documents)
        progress(len(documents))
    return total


def stale_in_field(database: Database[dict[str, Any]], field: EncryptedField, cipher: Encryption) -> int:
    """The number of values that are under older keys."""
    return database[field.collection].count_documents(_stale(field, cipher))


def count_field(database: Database[dict[str, Any]], field: EncryptedField) -> int:
    """The number of encrypted values."""
    return database[field.collection].count_documents({field.field: {"$type": "string"}})


def _again(cipher: Encryption, value: str, purpose: str, record: str) -> str:
    return cipher.encrypt(cipher.decrypt(value, purpose=purpose, record=record), purpose=purpose, record=record)


def _stale(field: EncryptedField, cipher: Encryption) -> dict[str, Any]:
    prefix = "^" + cipher.current_prefix().replace(".", r"\.")
    return {field.field: {"$type": "string", "$not": {"$regex": prefix}}}


def _at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value[name]
    return value
