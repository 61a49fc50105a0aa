"""RPC interface of the notifications service."""

from typing import Protocol

from schemas.api.notification_templates import MailPreview, MessageText, SaveTemplate, Template, TemplateKind
from schemas.api.notifications import (
    Delivery,
    DeviceRequest,
    KindName,
    Locale,
    MarkedRead,
    MessageId,
    Notification,
    PageQuery,
    PreferencesWrite,
    PushKey,
    UnreadCount,
    UnsubscribePage,
    VersionedPreferences,
)
from schemas.base import Email, Id, Page, Sku
from schemas.caller import Caller


class NotificationsRpc(Protocol):
    """In-app messages, preferences, push devices, back-in-stock requests, deliveries and templates."""

    def list_own(self, page: PageQuery, caller: Caller) -> Page[Notification]:
        """List the caller's in-app messages, the newest first."""
        ...

    def unread_count(self, caller: Caller) -> UnreadCount:
        """Get the number of the caller's unread in-app messages."""
        ...

    def mark_read(self, caller: Caller, message_id: MessageId | None = None) -> MarkedRead:
        """Mark one or all of the caller's in-app messages as read. Raises `NotFound`."""
        ...

    def get_preferences(self, caller: Caller) -> VersionedPreferences:
        """Get the caller's preferences with every kind and channel."""
        ...

    def set_preferences(
        self, chosen: PreferencesWrite, caller: Caller, expected_version: int | None = None
    ) -> VersionedPreferences:
        """Replace the caller's preferences.

        Raises `ValidationFailed` for a mail that cannot be turned off, `PreconditionFailed`.
        """
        ...

    def unsubscribe(self, token: str) -> UnsubscribePage:
        """Turn off mails of the token's kind for its recipient. Raises `NotFound` for an invalid token."""
        ...

    def unsubscribe_page(self, token: str) -> UnsubscribePage:
        """Get the page of an unsubscribe link; changes nothing. Raises `NotFound` for an invalid token."""
        ...

    def push_key(self) -> PushKey:
        """Get the public key for push subscriptions; empty while push is disabled."""
        ...

    def add_device(self, device: DeviceRequest, caller: Caller) -> None:
        """Register a browser of the caller for push messages; idempotent."""
        ...

    def remove_device(self, endpoint: str, caller: Caller) -> None:
        """Remove a browser of the caller from push messages."""
        ...

    def subscribe_back_in_stock(self, sku: Sku, caller: Caller, email: Email | None = None) -> None:
        """Request one message when the SKU is back in stock, to `email` or the caller's address.

        Raises `NotFound` for an unknown SKU, `ValidationFailed` without an address.
        """
        ...

    def deliveries(self, recipient: str, page: PageQuery, caller: Caller) -> Page[Delivery]:
        """List the messages to a recipient (account id or address) by all channels, the newest first."""
        ...

    def templates(self, caller: Caller) -> list[TemplateKind]:
        """List the kinds of messages with their channels and locales."""
        ...

    def template(self, kind: KindName, caller: Caller, locale: Locale = "en") -> Template:
        """Get the texts of a kind that are in force, and administrators' versions."""
        ...

    def save_template(self, command: SaveTemplate) -> Template:
        """Store a new version. Raises `ValidationFailed` for an invalid template, `Conflict`."""
        ...

    def preview(
        self, kind: KindName, caller: Caller, locale: Locale = "en", text: MessageText | None = None
    ) -> MailPreview:
        """Preview a message with example facts. Raises `ValidationFailed` for an invalid template."""
        ...

    def send_test(self, kind: KindName, to: Email, test_id: Id, caller: Caller, locale: Locale = "en") -> None:
        """Send the preview as a mail; idempotent under `test_id`. Raises `ValidationFailed`, `ServiceUnavailable`."""
        ...
