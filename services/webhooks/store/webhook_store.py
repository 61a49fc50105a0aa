"""The store of webhooks and its parts."""

from typing import Final

from sqlalchemy import Engine, delete, func, text

from services.chassis.dynamic_config import config
from services.chassis.stores.encrypted import EncryptedColumn
from services.chassis.stores.postgres import PostgresStore
from services.webhooks.models import secrets
from services.webhooks.store.attempts import Attempts
from services.webhooks.store.deliveries import Deliveries
from services.webhooks.store.delivery_queue import DeliveryQueue
from services.webhooks.store.secrets import PURPOSE
from services.webhooks.store.subscriptions import Subscriptions

DELIVERY_DAYS: Final = 30
DELETED_AT_ONCE: Final = 5_000
_OLD: Final = text(
    """
    delete from deliveries where id in (
        select d.id from deliveries d join subscriptions s on s.id = d.subscription_id
        where d.created_at < now() - make_interval(days => :days) and (d.status <> 'pending' or not s.active)
        limit :limit
    )
    """
)


class WebhookStore(PostgresStore):
    """Subscriptions, deliveries, and the attempts to send them."""

    encrypted_columns = (EncryptedColumn("secrets", "secret", record="id", purpose=PURPOSE),)

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.subscriptions = Subscriptions(self)
        self.queue = DeliveryQueue(self)
        self.attempts = Attempts(self)
        self.deliveries = Deliveries(self)

    def delete_expired(self) -> None:
        """Delete old deliveries, and secrets that were rotated out."""
        super().delete_expired()
        values = {"days": int(config.setting("webhooks.delivery_days", DELIVERY_DAYS)), "limit": DELETED_AT_ONCE}
        with self.autocommit() as connection:
            connection.execute(delete(secrets).where(secrets.c.expires_at < func.now()))
            while connection.execute(_OLD, values).rowcount == DELETED_AT_ONCE:
                continue

    def erase(self, user_id: str, email: str | None = None) -> None:
        """Erase a person: the bodies of deliveries about them, and the subscriptions that they own.

        `email`: their verified address, for what concerns them as a guest.

        What was not delivered yet is dropped. Idempotent.
        """
        self.deliveries.erase(user_id, email)
        self.subscriptions.delete_of_owner(user_id)
