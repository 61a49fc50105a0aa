"""Queries on the secrets of subscriptions, which are stored encrypted."""

from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from services.chassis.common.encryption import Encryption
from services.chassis.common.ids import new_id
from services.chassis.stores.postgres import Session
from services.webhooks.domain.signing import OVERLAP, SigningKey, new_secret
from services.webhooks.models import secrets

PURPOSE: Final = "webhooks.secret"


def add(session: Session, subscription_id: str, encryption: Encryption) -> str:
    """Make the secret of a subscription. The present one signs beside it for a day, an older one ends now."""
    secret, key_id = new_secret(), new_id()
    of_subscription = secrets.c.subscription_id == subscription_id
    session.execute(delete(secrets).where(of_subscription, secrets.c.expires_at.is_not(None)))
    session.execute(update(secrets).where(of_subscription).values(expires_at=func.now() + OVERLAP))
    encrypted = encryption.encrypt(secret.encode(), purpose=PURPOSE, record=key_id)
    session.execute(insert(secrets).values(id=key_id, subscription_id=subscription_id, secret=encrypted))
    return secret


def valid() -> ColumnElement[bool]:
    """The condition of secrets that sign."""
    return or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > func.now())


def keys_of(connection: Any, subscription_ids: list[str], encryption: Encryption) -> dict[str, list[SigningKey]]:
    """The keys that sign the deliveries of each subscription, the newest first."""
    query = (
        select(secrets).where(secrets.c.subscription_id.in_(subscription_ids), valid()).order_by(secrets.c.id.desc())
    )
    keys: dict[str, list[SigningKey]] = {}
    for row in connection.execute(query):
        secret = encryption.decrypt(row.secret, purpose=PURPOSE, record=row.id).decode()
        keys.setdefault(row.subscription_id, []).append(SigningKey(row.id, secret))
    return keys
