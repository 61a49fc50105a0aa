"""Events of webhook subscriptions."""

from datetime import datetime

from schemas.events.base import Event


class WebhookSubscriptionChanged(Event, source="webhooks", subject="subscription_id", version=1):
    """A subscription was created, changed, deleted, disabled or enabled: deliveries follow it from here on."""

    subscription_id: str


class WebhookSubscriptionDisabled(Event, source="webhooks", subject="subscription_id", version=1):
    """A subscription was disabled because its receiver failed for days; its owner is told by mail."""

    subscription_id: str
    owner_id: str
    url: str
    error: str
    failing_since: datetime
    waiting: int
    """Deliveries that wait until the subscription is active again."""
