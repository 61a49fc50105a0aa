"""Queries on received webhooks: stored as they came before they are answered, and processed until they have an end."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.chassis.stores.postgres import PostgresStore
from services.payments.models import webhooks

_SECONDS: Any = bindparam("seconds") * text("interval '1 second'")
_THIS = (webhooks.c.provider == bindparam("of_provider"), webhooks.c.message_id == bindparam("of_id"))
_STORE = (
    pg_insert(webhooks)
    .values(
        {name: bindparam(name) for name in ("provider", "message_id", "body")}
        | {"status": "pending", "due_at": func.now() + _SECONDS}
    )
    .on_conflict_do_nothing()
)
_END = update(webhooks).where(*_THIS).values(status=bindparam("outcome"), due_at=None)
_POSTPONE = update(webhooks).where(*_THIS).values(attempts=webhooks.c.attempts + 1, due_at=func.now() + _SECONDS)
_DUE = (
    select(webhooks.c.provider, webhooks.c.message_id, webhooks.c.body, webhooks.c.attempts)
    .where(webhooks.c.status == "pending", webhooks.c.due_at < func.now())
    .order_by(webhooks.c.due_at)
)

WEBHOOK_RETENTION = timedelta(days=30)
"""Retention of webhooks: providers repeat messages for some days at most."""


@dataclass(frozen=True)
class StoredWebhook:
    """A webhook as received, and how often it was processed in vain."""

    provider: str
    message_id: str
    body: bytes
    attempts: int = 0


class WebhookQueries(PostgresStore):
    """Webhooks of providers, by their message id."""

    def store_webhook(self, webhook: StoredWebhook, due_seconds: float) -> bool:
        """Store a webhook; whoever receives it processes it at once, others after `due_seconds`. False: it exists."""
        row = {"provider": webhook.provider, "message_id": webhook.message_id, "body": webhook.body}
        with self.autocommit() as connection:
            return bool(connection.execute(_STORE, row | {"seconds": due_seconds}).rowcount)

    def unknown_messages(self, provider: str, message_ids: list[str]) -> set[str]:
        """The ids of messages that are not stored."""
        query = select(webhooks.c.message_id)
        query = query.where(webhooks.c.provider == provider, webhooks.c.message_id.in_(message_ids))
        with self.reading() as connection:
            return set(message_ids) - set(connection.execute(query).scalars())

    def due_webhooks(self, limit: int) -> list[StoredWebhook]:
        """Webhooks that wait for another attempt."""
        with self.reading() as connection:
            return [
                StoredWebhook(row.provider, row.message_id, bytes(row.body), row.attempts)
                for row in connection.execute(_DUE.limit(limit))
            ]

    def end_webhook(self, webhook: StoredWebhook, outcome: str) -> None:
        """End a webhook: `processed`, or `given_up`."""
        values = {"of_provider": webhook.provider, "of_id": webhook.message_id, "outcome": outcome}
        with self.autocommit() as connection:
            connection.execute(_END, values)

    def postpone_webhook(self, webhook: StoredWebhook, seconds: float) -> None:
        values = {"of_provider": webhook.provider, "of_id": webhook.message_id, "seconds": seconds}
        with self.autocommit() as connection:
            connection.execute(_POSTPONE, values)

    def delete_expired(self) -> None:
        """Delete old webhooks, inbox entries and idempotency keys."""
        super().delete_expired()
        with self.transaction() as session:
            session.execute(delete(webhooks).where(webhooks.c.received_at < func.now() - WEBHOOK_RETENTION))
