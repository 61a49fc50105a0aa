"""All queries of webhooks, by subject."""

from services.webhooks.store.webhook_store import WebhookStore

__all__ = ["WebhookStore"]
