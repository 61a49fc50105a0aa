"""RPC interface of the webhooks service."""

from typing import Protocol

from schemas.api.webhooks import (
    CreateWebhook,
    DeliveryQuery,
    UpdateWebhook,
    WebhookDelivery,
    WebhookEventType,
    WebhookSubscription,
    WebhookWithSecret,
)
from schemas.base import Id, Page
from schemas.caller import Caller


class WebhooksRpc(Protocol):
    """Webhooks: subscriptions to events, and their signed deliveries.

    Administrators have all subscriptions, vendors their own; another owner's is `NotFound`.
    """

    def event_types(self, caller: Caller) -> list[WebhookEventType]:
        """List the event types that the caller can subscribe to."""
        ...

    def create(self, command: CreateWebhook) -> WebhookWithSecret:
        """Subscribe. Raises `ValidationFailed` for a URL that leads to a private network or an event type that is
        unknown or not for vendors, `Conflict` beyond the limit of subscriptions.
        """
        ...

    def subscriptions(self, caller: Caller) -> list[WebhookSubscription]:
        """List subscriptions, the newest first."""
        ...

    def get(self, subscription_id: Id, caller: Caller) -> WebhookSubscription:
        """Get a subscription. Raises `NotFound`."""
        ...

    def update(self, command: UpdateWebhook) -> WebhookSubscription:
        """Change a subscription. `active: true` continues with the deliveries that wait.

        Raises as `create`, and `PreconditionFailed`.
        """
        ...

    def delete(self, subscription_id: Id, caller: Caller, expected_version: int | None = None) -> None:
        """Delete a subscription with its deliveries. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def rotate_secret(self, subscription_id: Id, caller: Caller) -> WebhookWithSecret:
        """Make a new secret; the old one signs beside it for 24 hours. Raises `NotFound`."""
        ...

    def test(self, subscription_id: Id, caller: Caller) -> WebhookDelivery:
        """Deliver an event of the type `webhook_test`. Raises `InvalidState` for an inactive subscription."""
        ...

    def deliveries(self, subscription_id: Id, query: DeliveryQuery, caller: Caller) -> Page[WebhookDelivery]:
        """List the deliveries of a subscription, the newest first."""
        ...

    def replay(self, subscription_id: Id, delivery_id: Id, caller: Caller) -> WebhookDelivery:
        """Deliver an event again: a finished delivery as a new one behind those that wait, a pending one at once.

        Raises `NotFound`, `InvalidState` for an inactive subscription or a body that was deleted.
        """
        ...
