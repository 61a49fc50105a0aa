"""What people are told: their list, what they want to hear, and the templates behind it."""

from typing import Final

from flask import Response, request

from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import KindPath, MessagePath
from gateway_flask.rpc.calls import call_by_name as call
from schemas.api.notifications import (
    Delivery,
    DeliveryQuery,
    DeviceGoneRequest,
    DeviceRequest,
    MailPreview,
    MarkedRead,
    Notification,
    Page,
    Preferences,
    PreferencesWrite,
    PreviewRequest,
    PushKey,
    Template,
    TemplateKind,
    TemplateQuery,
    TemplateWrite,
    TestSend,
    UnreadCount,
    Unsubscribed,
    UnsubscribeQuery,
    WaitRequest,
)
from services.chassis.common import ids
from services.chassis.common.errors import ValidationFailed

api = Api("notifications", "Notifications", "What people are told, and how they want to be told.", "/notifications")

JSON: Final = "application/json"
PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Nobody else shows this page in a frame to have its button pressed, and the link's token goes nowhere."""


@api.get("", reply=Notification, many=True, who=Who.SIGNED_IN)
def list_notifications(query: Page) -> Response:
    """The own messages in the shop, the newest first."""
    return listing(
        call("notifications", "list_own", user_id=caller().user_id, page=query.model_dump()), "Notifications"
    )


@api.get("/unread-count", reply=UnreadCount, who=Who.SIGNED_IN)
def unread_count() -> Response:
    """How many are unread."""
    return ok(call("notifications", "unread_count", user_id=caller().user_id), "Unread")


@api.post("/read-all", reply=MarkedRead, who=Who.SIGNED_IN)
def read_all() -> Response:
    """Mark all as read."""
    return ok(call("notifications", "mark_read", user_id=caller().user_id), "Read")


@api.post("/<string:id>/read", reply=MarkedRead, who=Who.SIGNED_IN)
def read_notification(path: MessagePath) -> Response:
    """Mark one as read."""
    return ok(call("notifications", "mark_read", user_id=caller().user_id, message_id=path.id), "Read")


@api.get("/preferences", reply=Preferences, who=Who.SIGNED_IN)
def get_preferences() -> Response:
    """By which channels each kind of message comes."""
    return ok(call("notifications", "get_preferences", user_id=caller().user_id), "Preferences")


@api.put("/preferences", reply=Preferences, who=Who.SIGNED_IN)
def put_preferences(body: PreferencesWrite) -> Response:
    """Choose the channels of each kind, and quiet hours. Mails about orders and the account always come."""
    wanted = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return ok(call("notifications", "set_preferences", user_id=caller().user_id, wanted=wanted), "Preferences saved")


@api.get("/unsubscribe", reply=Unsubscribed, who=Who.ANYONE, downloads="text/html")
def unsubscribe_page(query: UnsubscribeQuery) -> Response:
    """Where the link in a mail leads: a page with one button, which switches this kind off. Changes nothing."""
    return _page_or(call("notifications", "unsubscribe_page", token=query.token), "This would be switched off")


@api.post("/unsubscribe", reply=Unsubscribed, who=Who.ANYONE, takes_bytes=True, downloads="text/html")
def unsubscribe(query: UnsubscribeQuery) -> Response:
    """One click in a mail program (RFC 8058), or the page's button: no more mails of this kind."""
    return _page_or(call("notifications", "unsubscribe", token=query.token), "You will get no more of these mails")


def _page_or(found: dict[str, str], message: str) -> Response:
    """A page for a browser, the envelope for a program."""
    if request.accept_mimetypes.best_match([JSON, "text/html"]) == "text/html":
        return Response(found["page"], content_type="text/html; charset=utf-8", headers=PAGE_HEADERS)
    return ok({"kind": found["kind"]}, message)


@api.get("/push-key", reply=PushKey, who=Who.ANYONE)
def push_key() -> Response:
    """The key that a browser subscribes to push messages with."""
    return ok(call("notifications", "push_key"), "Push key")


@api.post("/devices", reply=None, statuses=(201,), who=Who.SIGNED_IN)
def add_device(body: DeviceRequest) -> Response:
    """Send push messages to this browser, too."""
    call("notifications", "add_device", user_id=caller().user_id, device=body.model_dump())
    return ok(None, "Device added", 201)


@api.post("/devices/remove", reply=None, who=Who.SIGNED_IN)
def remove_device(body: DeviceGoneRequest) -> Response:
    """No more push messages to this browser."""
    call("notifications", "remove_device", user_id=caller().user_id, endpoint=body.endpoint)
    return ok(None, "Device removed")


@api.post("/back-in-stock", reply=None, statuses=(202,), who=Who.GUEST)
def wait_for_stock(body: WaitRequest) -> Response:
    """Tell me once when this can be ordered again."""
    who = current_request().caller
    email = body.email or who.email
    if email is None:
        raise ValidationFailed.of("email", "is needed without an account")
    call("notifications", "wait_for", sku=body.sku, email=email, user_id=who.user_id)
    return ok(None, "We will tell you", 202)


@api.get("/deliveries", reply=Delivery, many=True, who=Who.ADMIN)
def list_deliveries(query: DeliveryQuery) -> Response:
    """What was sent to somebody, by any channel, and what became of it."""
    page = {"page": query.page, "limit": query.limit}
    return listing(call("notifications", "deliveries", recipient=query.recipient, page=page), "Deliveries")


@api.get("/templates", reply=TemplateKind, many=True, who=Who.ADMIN)
def list_templates() -> Response:
    """Every kind of message."""
    return ok(call("notifications", "templates"), "Templates")


@api.get("/templates/<string:kind>", reply=Template, who=Who.ADMIN)
def get_template(path: KindPath, query: TemplateQuery) -> Response:
    """A kind's texts in a language, and their versions."""
    return ok(call("notifications", "template", kind=path.kind, locale=query.locale), "Template")


@api.put("/templates/<string:kind>", reply=Template, who=Who.ADMIN)
def put_template(path: KindPath, body: TemplateWrite) -> Response:
    """Change a kind's texts, from the version that was read."""
    text = body.text.model_dump(exclude_none=True)
    saved = call(
        "notifications",
        "save_template",
        kind=path.kind,
        locale=body.locale,
        text=text,
        version=body.version,
        caller=caller().model_dump(),
    )
    return ok(saved, "Template saved")


@api.post("/templates/<string:kind>/preview", reply=MailPreview, who=Who.ADMIN)
def preview_template(path: KindPath, body: PreviewRequest) -> Response:
    """A message with made-up facts: as it is, or as it would be."""
    text = body.text.model_dump(exclude_none=True) if body.text else None
    return ok(call("notifications", "preview", kind=path.kind, locale=body.locale, text=text), "Preview")


@api.post("/templates/<string:kind>/test", reply=None, statuses=(202,), who=Who.ADMIN)
def test_template(path: KindPath, body: TestSend) -> Response:
    """Send the preview to an address."""
    call("notifications", "send_test", kind=path.kind, to=body.to, locale=body.locale, test_id=ids.new_id())
    return ok(None, "On its way", 202)
