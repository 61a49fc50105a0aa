"""Queries on API keys. Stored are a key's first characters and its digest: 256 random bits need no slow hash."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, insert, or_, select, update

from schemas.api.sessions import CreateApiKey
from schemas.permissions.permission import NOT_FOR_KEYS, Permission, expanded
from schemas.permissions.roles import ADMIN
from services.auth.models import accounts, api_keys
from services.chassis.common.errors import Conflict, Forbidden, NotFound, Unauthenticated, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.common.timestamps import rfc3339
from services.chassis.stores.postgres import PostgresStore

PREFIX: Final = "umk_"
PREFIX_LENGTH: Final = 12
MAX_KEYS: Final = 50
USED_INTERVAL: Final = timedelta(minutes=1)
"""The last use is written at most this often."""


def new_key() -> str:
    """256 random bits behind a prefix that secret scanners recognise."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def check_scopes(command: CreateApiKey, now: datetime) -> None:
    """Raises `ValidationFailed` on `scopes` or `expires_at`, `Forbidden` for permissions that the creator lacks."""
    for index, scope in enumerate(command.scopes):
        if scope in NOT_FOR_KEYS:
            raise ValidationFailed.of(f"scopes.{index}", "is not for API keys")
    if not expanded(frozenset(command.scopes)) <= command.caller.permissions:
        raise Forbidden("A key's scopes are permissions that you have")
    if command.service_account and not command.caller.may(Permission.SERVICE_ACCOUNTS):
        raise Forbidden("Keys of service accounts are for administrators")
    if command.expires_at is not None and command.expires_at <= now:
        raise ValidationFailed.of("expires_at", "must be in the future")


class ApiKeys:
    """API keys by creator and by digest."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def create(self, command: CreateApiKey) -> dict[str, Any]:
        """Store a new key; the reply has it this once. Raises `Conflict` beyond 50 keys of one account."""
        user_id, key, key_id = str(command.caller.user_id), new_key(), new_id()
        row = {
            "id": key_id,
            "digest": digest(key),
            "prefix": key[:PREFIX_LENGTH],
            "name": command.name,
            "created_by": user_id,
            "service_account": command.service_account,
            "scopes": sorted(set(command.scopes)),
            "requests_per_minute": command.requests_per_minute,
            "expires_at": command.expires_at,
        }
        with self.store.transaction() as session:
            session.execute(select(accounts.c.id).where(accounts.c.id == user_id).with_for_update())
            count = select(func.count()).where(api_keys.c.created_by == user_id, api_keys.c.deleted_at.is_(None))
            if session.execute(count).scalar_one() >= MAX_KEYS:
                raise Conflict(f"An account has at most {MAX_KEYS} API keys; delete one first")
            stored = session.execute(insert(api_keys).values(row).returning(api_keys)).one()
            entry = as_entry(stored)
            self.store.audit(session, "api_key.create", ("api_key", key_id), after=_audited(entry))
        return entry | {"key": key}

    def list(self, user_id: str, with_service_accounts: bool) -> list[dict[str, Any]]:
        """The keys of an account, the newest first, and those of service accounts."""
        own = api_keys.c.created_by == user_id
        condition = or_(own, api_keys.c.service_account) if with_service_accounts else own
        query = select(api_keys).where(condition, api_keys.c.deleted_at.is_(None)).order_by(api_keys.c.id.desc())
        with self.store.reading() as connection:
            return [as_entry(row) for row in connection.execute(query)]

    def delete(self, key_id: str, user_id: str, with_service_accounts: bool) -> None:
        """Delete a key. Raises `NotFound`."""
        own = api_keys.c.created_by == user_id
        condition = or_(own, api_keys.c.service_account) if with_service_accounts else own
        with self.store.transaction() as session:
            deleted = session.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, condition, api_keys.c.deleted_at.is_(None))
                .values(deleted_at=func.now())
                .returning(api_keys)
            ).one_or_none()
            if deleted is None:
                raise NotFound("There is no such API key")
            self.store.audit(session, "api_key.delete", ("api_key", key_id), before=_audited(as_entry(deleted)))

    def identify(self, key: str, now: datetime) -> dict[str, Any]:
        """The caller that a key stands for, as `schemas.api.sessions.IdentifiedKey`. Raises `Unauthenticated`."""
        query = (
            select(api_keys, accounts.c.roles, accounts.c.email, accounts.c.status, accounts.c.email_verified)
            .join(accounts, accounts.c.id == api_keys.c.created_by)
            .where(api_keys.c.digest == digest(key), api_keys.c.deleted_at.is_(None))
        )
        with self.store.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or (row.expires_at is not None and row.expires_at <= now):
                raise Unauthenticated("The API key is not valid")
            if not row.service_account and row.status != "active":
                raise Unauthenticated("The API key is not valid")
            if row.last_used_at is None or row.last_used_at < now - USED_INTERVAL:
                connection.execute(update(api_keys).where(api_keys.c.id == row.id).values(last_used_at=now))
        scopes = sorted(expanded(frozenset(Permission(scope) for scope in row.scopes if scope in set(Permission))))
        caller = {"user_id": row.created_by, "roles": list(row.roles), "email": row.email, "scopes": scopes}
        if row.service_account:
            caller = {"user_id": row.id, "roles": [ADMIN], "scopes": scopes}
        elif not row.email_verified:
            caller["email_verified"] = False
        return {"key_id": row.id, "caller": caller, "requests_per_minute": row.requests_per_minute}


def as_entry(row: Any) -> dict[str, Any]:
    """A row as `schemas.api.sessions.ApiKeyEntry`."""
    names = ("id", "name", "prefix", "requests_per_minute", "service_account")
    times = ("expires_at", "created_at", "last_used_at")
    return {
        **{name: getattr(row, name) for name in names},
        "scopes": list(row.scopes),
        **{name: rfc3339(value) if (value := getattr(row, name)) else None for name in times},
    }


def _audited(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("name", "prefix", "scopes", "expires_at", "service_account")}
