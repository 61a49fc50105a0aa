"""Personal values of audit entries, sealed under one key per person.

The chain covers the sealed text: after the deletion of a person's key nobody can read the values, and the chain is
still valid (crypto-shredding). Sealed are the actor's address, network address and browser, and the values of changes
of an account. Ids, actions, times and names of fields stay readable.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ACTOR_FIELDS: Final = ("email", "ip", "user_agent")
SEALED: Final = "sealed"
NONCE_BYTES: Final = 12
"""NIST SP 800-38D, 5.2.1.1."""
ACCOUNT: Final = "account"


def persons_of(body: Mapping[str, Any]) -> set[str]:
    """The accounts whose personal values a body has."""
    return {person for person in (body["actor"].get("id"), _changed_person(body)) if person}


def seal(body: dict[str, Any], keys: Mapping[str, bytes]) -> dict[str, Any]:
    """A body with its personal values sealed under the keys of its persons."""
    sealed = dict(body)
    actor = body["actor"]
    if actor.get("id"):
        values = {name: actor[name] for name in ACTOR_FIELDS if actor.get(name) is not None}
        rest = {name: None if name in ACTOR_FIELDS else value for name, value in actor.items()}
        sealed["actor"] = rest | {SEALED: _encrypt(values, keys[actor["id"]], body["id"])} if values else actor
    if (person := _changed_person(body)) and body["changes"]:
        pairs = [[change["before"], change["after"]] for change in body["changes"]]
        fields = [{"field": change["field"], "before": None, "after": None} for change in body["changes"]]
        sealed |= {"changes": fields, SEALED: _encrypt(pairs, keys[person], body["id"])}
    return sealed


def unseal(doc: Mapping[str, Any], keys: Mapping[str, bytes]) -> dict[str, Any]:
    """A stored body with its personal values; without those whose person's key is not among `keys`."""
    opened = dict(doc)
    actor = dict(doc["actor"])
    text, key = actor.pop(SEALED, None), keys.get(actor.get("id") or "")
    if text and key:
        actor |= _decrypt(text, key, doc["id"])
    opened["actor"] = actor
    text, key = opened.pop(SEALED, None), keys.get(_changed_person(doc) or "")
    if text and key:
        values = _decrypt(text, key, doc["id"])
        opened["changes"] = [
            {"field": change["field"], "before": before, "after": after}
            for change, (before, after) in zip(doc["changes"], values, strict=True)
        ]
    return opened


def new_key() -> bytes:
    return AESGCM.generate_key(256)


def all_persons(docs: Iterable[Mapping[str, Any]]) -> set[str]:
    """The persons of several bodies."""
    return {person for doc in docs for person in persons_of(doc)}


def _changed_person(body: Mapping[str, Any]) -> str | None:
    """The account that the entry is about."""
    resource = body["resource"]
    return str(resource["id"]) if resource["type"] == ACCOUNT else None


def _encrypt(value: Any, key: bytes, entry_id: str) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, orjson.dumps(value), entry_id.encode())).decode()


def _decrypt(text: str, key: bytes, entry_id: str) -> Any:
    raw = urlsafe_b64decode(text)
    return orjson.loads(AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], entry_id.encode()))
