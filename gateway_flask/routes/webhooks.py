"""Webhook subscriptions of administrators and vendors, and their deliveries."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import DeliveryPath, IdPath
from gateway_flask.rpc.calls import call
from schemas.api.webhooks import (
    CreateWebhook,
    DeliveryQuery,
    UpdateWebhook,
    WebhookDelivery,
    WebhookEventType,
    WebhookPatch,
    WebhookRequest,
    WebhookSubscription,
    WebhookWithSecret,
)
from schemas.rpc.webhooks import WebhooksRpc

api = Api("webhooks", "Webhooks", "Events sent to your own URLs, signed.", "/webhook-subscriptions")


@api.get("/event-types", reply=WebhookEventType, many=True)
def list_webhook_event_types() -> Response:
    """List the event types that the caller can subscribe to."""
    return ok(call(WebhooksRpc.event_types, caller=caller()), "Event types")


@api.post("", reply=WebhookWithSecret, statuses=(201,), key="may")
def create_webhook(body: WebhookRequest) -> Response:
    """Subscribe a URL to events. The reply has the secret that deliveries are signed with, this once.

    Administrators get all events of the shop, vendors those of their own products and order lines.
    """
    command = CreateWebhook(**body.given(), caller=caller(), idempotency=idempotency())
    return etag.versioned(call(WebhooksRpc.create, command), "Subscribed", 201)


@api.get("", reply=WebhookSubscription, many=True)
def list_webhooks() -> Response:
    """List subscriptions, the newest first: vendors their own, administrators all."""
    return ok(call(WebhooksRpc.subscriptions, caller=caller()), "Webhook subscriptions")


@api.get("/<string:id>", reply=WebhookSubscription)
def get_webhook(path: IdPath) -> Response:
    """Get a subscription."""
    return etag.versioned(call(WebhooksRpc.get, subscription_id=path.id, caller=caller()), "Webhook subscription")


@api.patch("/<string:id>", reply=WebhookSubscription, headers=("If-Match",))
def update_webhook(path: IdPath, body: WebhookPatch) -> Response:
    """Change a subscription. `active: true` continues with the deliveries that wait."""
    expected = etag.expected_version()
    command = UpdateWebhook(**body.given(), subscription_id=path.id, caller=caller(), expected_version=expected)
    return etag.versioned(call(WebhooksRpc.update, command), "Subscription changed")


@api.delete("/<string:id>", reply=None, headers=("If-Match",))
def delete_webhook(path: IdPath) -> Response:
    """Delete a subscription with its deliveries."""
    expected = etag.expected_version()
    call(WebhooksRpc.delete, subscription_id=path.id, caller=caller(), expected_version=expected)
    return ok(None, "Subscription deleted")


@api.post("/<string:id>/rotate-secret", reply=WebhookWithSecret)
def rotate_webhook_secret(path: IdPath) -> Response:
    """Make a new secret. Deliveries are signed with both for 24 hours; a secret before these ends at once."""
    return ok(call(WebhooksRpc.rotate_secret, subscription_id=path.id, caller=caller()), "New secret")


@api.post("/<string:id>/test", reply=WebhookDelivery, statuses=(202,))
def test_webhook(path: IdPath) -> Response:
    """Send a test event, of the type `webhook_test`. Its delivery tells what the receiver replied."""
    return ok(call(WebhooksRpc.test, subscription_id=path.id, caller=caller()), "Test event queued", 202)


@api.get("/<string:id>/deliveries", reply=WebhookDelivery, many=True)
def list_webhook_deliveries(path: IdPath, query: DeliveryQuery) -> Response:
    """List deliveries with request and reply of the last attempt, the newest first."""
    page = call(WebhooksRpc.deliveries, subscription_id=path.id, query=query, caller=caller())
    return listing(page, "Deliveries")


@api.post("/<string:id>/deliveries/<string:delivery_id>/replay", reply=WebhookDelivery, statuses=(202,))
def replay_webhook_delivery(path: DeliveryPath) -> Response:
    """Deliver an event again, with the same event id. A pending delivery is tried at once."""
    delivery = call(WebhooksRpc.replay, subscription_id=path.id, delivery_id=path.delivery_id, caller=caller())
    return ok(delivery, "Delivery queued", 202)
