"""Routes of in-app messages, notification preferences, push devices, deliveries and templates."""

from typing import Any, Final

from flask import Response, request

from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import KindPath, MessagePath
from gateway_flask.rpc.calls import call
from schemas.api.notification_templates import (
    MailPreview,
    SaveTemplate,
    Template,
    TemplateKind,
    TemplatePreviewRequest,
    TemplateQuery,
    TemplateWrite,
    TestSend,
)
from schemas.api.notifications import (
    Delivery,
    DeliveryQuery,
    DeviceGoneRequest,
    DeviceRequest,
    MarkedRead,
    Notification,
    PageQuery,
    Preferences,
    PreferencesWrite,
    PushKey,
    UnreadCount,
    Unsubscribed,
    UnsubscribeQuery,
    WaitRequest,
)
from schemas.rpc.notifications import NotificationsRpc
from services.chassis.common import ids

api = Api(
    "notifications", "Notifications", "In-app messages, preferences, push devices and templates.", "/notifications"
)

JSON: Final = "application/json"
PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Prevents clickjacking of the page's button and leaking of the token by the Referer header."""


@api.get("", reply=Notification, many=True)
def list_notifications(query: PageQuery) -> Response:
    """List the user's in-app messages, the newest first."""
    return listing(call(NotificationsRpc.list_own, caller=caller(), page=query), "Notifications")


@api.get("/unread-count", reply=UnreadCount)
def unread_count() -> Response:
    """Get the number of unread in-app messages."""
    return ok(call(NotificationsRpc.unread_count, caller=caller()), "Number of unread messages")


@api.post("/read-all", reply=MarkedRead)
def read_all() -> Response:
    """Mark all in-app messages as read."""
    return ok(call(NotificationsRpc.mark_read, caller=caller()), "Messages marked as read")


@api.post("/<string:id>/read", reply=MarkedRead)
def read_notification(path: MessagePath) -> Response:
    """Mark an in-app message as read."""
    return ok(call(NotificationsRpc.mark_read, caller=caller(), message_id=path.id), "Message marked as read")


@api.get("/preferences", reply=Preferences)
def get_preferences() -> Response:
    """Get the channels of each kind of message."""
    return _preferences(call(NotificationsRpc.get_preferences, caller=caller()).json, "Preferences")


@api.put("/preferences", reply=Preferences, headers=("If-Match",))
def put_preferences(body: PreferencesWrite) -> Response:
    """Set the channels of each kind, and quiet hours. Transactional mail is always sent."""
    expected = etag.expected_version()
    preferences = call(NotificationsRpc.set_preferences, caller=caller(), chosen=body, expected_version=expected)
    return _preferences(preferences.json, "Preferences saved")


def _preferences(stored: dict[str, Any], message: str) -> Response:
    """The preferences, which can be sent back as they are: their version is in the ETag only."""
    return etag.tagged(ok({name: value for name, value in stored.items() if name != "version"}, message), stored)


@api.get("/unsubscribe", reply=Unsubscribed, downloads=("text/html",))
def unsubscribe_page(query: UnsubscribeQuery) -> Response:
    """Show the page of an unsubscribe link. Changes nothing."""
    return _page_or(call(NotificationsRpc.unsubscribe_page, token=query.token).json, "This would be switched off")


@api.post("/unsubscribe", reply=Unsubscribed, takes_bytes=True, downloads=("text/html",))
def unsubscribe(query: UnsubscribeQuery) -> Response:
    """Unsubscribe from a kind of mail: one click in a mail program (RFC 8058), or the page's button."""
    return _page_or(call(NotificationsRpc.unsubscribe, token=query.token).json, "You will get no more of these mails")


def _page_or(result: dict[str, str], message: str) -> Response:
    """The HTML page or the JSON envelope, by the Accept header."""
    if request.accept_mimetypes.best_match([JSON, "text/html"]) == "text/html":
        return Response(result["page"], content_type="text/html; charset=utf-8", headers=PAGE_HEADERS)
    return ok({"kind": result["kind"]}, message)


@api.get("/push-key", reply=PushKey)
def push_key() -> Response:
    """Get the public key for push subscriptions."""
    return ok(call(NotificationsRpc.push_key), "Push key")


@api.post("/devices", reply=None, statuses=(201,))
def add_device(body: DeviceRequest) -> Response:
    """Register a browser for push messages."""
    call(NotificationsRpc.add_device, caller=caller(), device=body)
    return ok(None, "Device added", 201)


@api.post("/devices/remove", reply=None)
def remove_device(body: DeviceGoneRequest) -> Response:
    """Remove a browser from push messages."""
    call(NotificationsRpc.remove_device, caller=caller(), endpoint=body.endpoint)
    return ok(None, "Device removed")


@api.post("/back-in-stock", reply=None, statuses=(202,))
def wait_for_stock(body: WaitRequest) -> Response:
    """Request one message when a SKU is back in stock."""
    call(NotificationsRpc.subscribe_back_in_stock, sku=body.sku, email=body.email, caller=caller())
    return ok(None, "Message requested", 202)


@api.get("/deliveries", reply=Delivery, many=True)
def list_deliveries(query: DeliveryQuery) -> Response:
    """List the messages to a recipient by all channels, with their delivery status."""
    page = PageQuery(page=query.page, limit=query.limit, cursor=query.cursor)
    return listing(
        call(NotificationsRpc.deliveries, recipient=query.recipient, page=page, caller=caller()), "Deliveries"
    )


@api.get("/templates", reply=TemplateKind, many=True)
def list_templates() -> Response:
    """List the kinds of messages."""
    return ok(call(NotificationsRpc.templates, caller=caller()), "Templates")


@api.get("/templates/<string:kind>", reply=Template)
def get_template(path: KindPath, query: TemplateQuery) -> Response:
    """Get the texts of a kind in a language, with their versions."""
    template = call(NotificationsRpc.template, kind=path.kind, locale=query.locale, caller=caller())
    return etag.versioned(template, "Template")


@api.put("/templates/<string:kind>", reply=Template, headers=("If-Match",))
def put_template(path: KindPath, body: TemplateWrite) -> Response:
    """Store new texts of a kind, based on the version that was read."""
    command = SaveTemplate(**body.given(), kind=path.kind, caller=caller())
    with etag.based_on(body.version):
        template = call(NotificationsRpc.save_template, command)
    return etag.versioned(template, "Template saved")


@api.post("/templates/<string:kind>/preview", reply=MailPreview)
def preview_template(path: KindPath, body: TemplatePreviewRequest) -> Response:
    """Preview a message with example data, with the current or with new texts."""
    preview = call(NotificationsRpc.preview, kind=path.kind, caller=caller(), locale=body.locale, text=body.text)
    return ok(preview, "Preview")


@api.post("/templates/<string:kind>/test", reply=None, statuses=(202,))
def test_template(path: KindPath, body: TestSend) -> Response:
    """Send the preview to an e-mail address."""
    call(
        NotificationsRpc.send_test,
        kind=path.kind,
        to=body.to,
        locale=body.locale,
        test_id=ids.new_id(),
        caller=caller(),
    )
    return ok(None, "Preview sent", 202)
