"""Queries on received webhooks."""

from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.chassis.stores.postgres import PostgresStore, Session
from services.payments.models import webhooks

_RECORD_MESSAGE = pg_insert(webhooks).on_conflict_do_nothing()

WEBHOOK_RETENTION = timedelta(days=30)
"""Retention of webhooks: providers repeat messages for some days at most."""


class WebhookQueries(PostgresStore):
    """Webhooks of providers, by their message id."""

    def is_new_message(self, session: Session, provider: str, message_id: str) -> bool:
        """Record a webhook's id; False when it was recorded before."""
        row = {"provider": provider, "message_id": message_id}
        return bool(session.execute(_RECORD_MESSAGE, row).rowcount)

    def delete_expired(self) -> None:
        """Delete old webhook ids, inbox entries and idempotency keys."""
        super().delete_expired()
        with self.transaction() as session:
            session.execute(delete(webhooks).where(webhooks.c.received_at < func.now() - WEBHOOK_RETENTION))
