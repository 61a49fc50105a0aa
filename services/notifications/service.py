"""Notifications service: sends messages about events by the recipients' channels."""

import hashlib
from dataclasses import replace
from typing import Any

from schemas.api.notifications import (
    DeviceRequest,
    KindName,
    Locale,
    MessageId,
    Page,
    PreferencesWrite,
    SaveTemplate,
    TemplateText,
)
from schemas.base import Email, Id, Sku
from schemas.events.analytics import ReportFinished
from schemas.events.auth import EmailVerificationRequested, PasswordResetRequested, UserRegistered
from schemas.events.inventory import BackInStock, LowStock
from schemas.events.orders import OrderCancelled, OrderConfirmed, OrderDelivered, OrderFailed, OrderShipped
from schemas.events.payments import PaymentRefunded
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.events.reviews import ReviewPublished
from schemas.events.users import ProfileUpdated
from services.chassis.common.errors import NotFound, ValidationFailed
from services.chassis.common.paging import Paging
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.notifications import localization, rendering, unsubscribe
from services.notifications.channels import ConfiguredChannels
from services.notifications.dispatcher import NotificationDispatcher
from services.notifications.domain import drafts, preferences
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Draft, Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore

Reply = dict[str, Any]


class NotificationsService(Service):
    """RPC methods, event handlers and the sender of queued messages."""

    name = "notifications"

    store = Mongo(MessageStore)
    settings = Configured(NotificationSettings)
    channels = ConfiguredChannels()

    # -- consumed events--------------------------------------------------------------------------------------------

    @on_event(UserRegistered)
    def send_welcome(self, event: UserRegistered) -> None:
        self.store.recipients.update_profile(event.user_id, email=event.email, first_name=event.first_name)
        self._dispatch(drafts.welcome(event))

    @on_event(EmailVerificationRequested, PasswordResetRequested)
    def send_link(self, event: EmailVerificationRequested | PasswordResetRequested) -> None:
        self._dispatch(drafts.link(event, self.settings.shop_url, self.settings.link_key))

    @on_event(ProfileUpdated)
    def update_profile(self, event: ProfileUpdated) -> None:
        self.store.recipients.update_profile(
            event.user_id, first_name=event.first_name, language=event.language, phone=event.phone
        )

    @on_event(OrderConfirmed)
    def send_order_confirmation(self, event: OrderConfirmed) -> None:
        self.store.recipients.add_order(event.order_id, event.number, event.user_id, event.email)
        self._dispatch(drafts.order_confirmed(event))

    @on_event(OrderFailed)
    def send_payment_failure(self, event: OrderFailed) -> None:
        """Other failures were reported in the reply to the order request."""
        if event.code in ("PAYMENT_DECLINED", "PAYMENT_ACTION_REQUIRED"):
            self._dispatch(drafts.payment_failed(event))

    @on_event(OrderShipped)
    def send_shipment(self, event: OrderShipped) -> None:
        self._dispatch(drafts.order_shipped(event))

    @on_event(OrderDelivered)
    def send_delivery(self, event: OrderDelivered) -> None:
        self._dispatch(drafts.order_delivered(event))

    @on_event(OrderCancelled)
    def send_cancellation(self, event: OrderCancelled) -> None:
        self._dispatch(drafts.order_cancelled(event))

    @on_event(PaymentRefunded)
    def send_refund(self, event: PaymentRefunded) -> None:
        """Refunds of cancellations are part of the cancellation message."""
        if event.reason != "order_cancelled":
            self._dispatch(drafts.order_refunded(event, self.store.recipients.contact(event.order_id)))

    @on_event(ReviewPublished)
    def send_review_publication(self, event: ReviewPublished) -> None:
        email = event.email or self.store.recipients.find(event.customer_id).get("email")
        self._dispatch(drafts.review_published(event, email))

    @on_event(ReportFinished)
    def send_report(self, event: ReportFinished) -> None:
        self._dispatch(drafts.report_ready(event))

    @on_event(ProductCreated, ProductUpdated, ProductArchived)
    def update_product(self, event: ProductEvent) -> None:
        fields = {"title": event.title, "slug": event.slug, "skus": list(event.skus), "vendor_id": event.vendor_id}
        self.store.recipients.store_product(event.product_id, event.meta.sequence or 0, fields)

    @on_event(LowStock)
    def send_low_stock(self, event: LowStock) -> None:
        product = self.store.recipients.product_of(event.sku)
        vendor = self.store.recipients.find(product.get("vendor_id") if product else None)
        if product is not None and vendor.get("email"):
            self._dispatch(drafts.low_stock(event, product, vendor))

    @on_event(BackInStock)
    def send_back_in_stock(self, event: BackInStock) -> None:
        """Notify each waiting recipient once."""
        product = self.store.recipients.product_of(event.sku)
        if product is None:
            return
        notified = []
        for waiting in self.store.recipients.waiting_for(event.sku):
            draft = drafts.back_in_stock(event, product, waiting)
            digest = hashlib.sha256(str(waiting["_id"]).encode()).hexdigest()[:16]
            self._dispatch(replace(draft, event_id=f"{event.meta.id}:{digest}"))
            notified.append(waiting["_id"])
        self.store.recipients.remove_waiting(notified)

    @every(seconds=1)
    def send_queued(self) -> None:
        """Send due queued messages."""
        NotificationDispatcher(self.store, self.channels).drain()

    # -- in-app messages and preferences----------------------------------------------------------------------------

    @rpc
    def list_own(self, user_id: Id, page: Page) -> Reply:
        """The user's in-app messages, the newest first."""
        return self.store.messages.list_in_app(user_id, Paging(page.page, page.limit))

    @rpc
    def unread_count(self, user_id: Id) -> Reply:
        """Number of unread in-app messages."""
        return {"count": self.store.messages.count_unread(user_id)}

    @rpc
    def mark_read(self, user_id: Id, message_id: MessageId | None = None) -> Reply:
        """Mark one or all in-app messages as read. Raises `NotFound`."""
        return {"read": self.store.messages.mark_read(user_id, message_id)}

    @rpc
    def get_preferences(self, user_id: Id) -> Reply:
        """The user's preferences with every kind and channel."""
        return preferences.with_defaults(self.store.recipients.find(user_id).get("preferences") or {})

    @rpc
    def set_preferences(self, user_id: Id, chosen: PreferencesWrite) -> Reply:
        """Replace the user's preferences. Raises `ValidationFailed` for a mail that cannot be turned off."""
        stored = chosen.model_dump(mode="json", by_alias=True, exclude_none=True)
        preferences.check(stored)
        self.store.recipients.set_preferences(user_id, stored)
        return preferences.with_defaults(stored)

    @rpc
    def unsubscribe(self, token: str) -> Reply:
        """Turn off mails of the token's kind for its recipient: `{kind, page}`. Raises `NotFound`."""
        return unsubscribe.unsubscribe(self.store, self.settings, token)

    @rpc
    def unsubscribe_page(self, token: str) -> Reply:
        """The page of an unsubscribe link: `{kind, page}`. Changes nothing. Raises `NotFound`."""
        return unsubscribe.show_page(self.store, self.settings, token)

    @rpc
    def push_key(self) -> Reply:
        """The public key for push subscriptions; empty while push is disabled."""
        return {"public_key": self.channels.push.public_key()}

    @rpc
    def add_device(self, user_id: Id, device: DeviceRequest) -> None:
        """Register a browser for push messages; idempotent."""
        self.store.recipients.add_device(user_id, device.endpoint, device.keys.model_dump())

    @rpc
    def remove_device(self, user_id: Id, endpoint: str) -> None:
        """Remove a browser from push messages."""
        self.store.recipients.remove_device(endpoint, user_id)

    @rpc
    def subscribe_back_in_stock(self, sku: Sku, email: Email, user_id: Id | None = None) -> None:
        """Request one back-in-stock message for an address. Raises `NotFound`."""
        if self.store.recipients.product_of(sku) is None:
            raise NotFound("There is no such product", [{"field": "sku", "sku": sku}])
        self.store.recipients.add_waiting(sku, user_id, email)

    # -- administrators --------------------------------------------------------------------------------------------

    @rpc
    def deliveries(self, recipient: str, page: Page) -> Reply:
        """Messages to a recipient (account id or address) by all channels."""
        return self.store.messages.deliveries(recipient, Paging(page.page, page.limit))

    @rpc
    def templates(self) -> list[Reply]:
        """Every kind of message with its channels and locales."""
        locales = localization.locales()
        return [
            {"kind": kind, "transactional": fields.transactional, "channels": list(fields.channels), "locales": locales}
            for kind, fields in KINDS.items()
        ]

    @rpc
    def template(self, kind: KindName, locale: Locale = "en") -> Reply:
        """The texts in force, and administrators' versions."""
        custom_texts = self.store.templates.current(kind, locale)
        text = {**localization.message_texts(kind, locale), **(custom_texts["text"] if custom_texts else {})}
        versions_ = {
            "version": custom_texts["version"] if custom_texts else 0,
            "versions": self.store.templates.versions(kind, locale),
        }
        return {"kind": kind, "locale": locale, "text": text, **versions_}

    @rpc
    def save_template(self, command: SaveTemplate) -> Reply:
        """Store a new version. Raises `ValidationFailed` for an invalid template, `Conflict`."""
        text = command.text.model_dump(exclude_none=True)
        rendering.check(command.kind, text)
        by = command.caller.user_id
        self.store.templates.save(command.kind, command.locale, text, command.version, by)
        return self.template(command.kind, command.locale)

    @rpc
    def preview(self, kind: KindName, locale: Locale = "en", text: TemplateText | None = None) -> Reply:
        """A message with example facts, with the texts in force or with these texts."""
        if custom_texts := text.model_dump(exclude_none=True) if text else None:
            rendering.check(kind, custom_texts)
        elif template := self.store.templates.current(kind, locale):
            custom_texts = template["text"]
        return rendering.preview(kind, locale, custom_texts, self.settings.shop_name, self.settings.shop_url)

    @rpc
    def send_test(self, kind: KindName, to: Email, test_id: Id, locale: Locale = "en") -> None:
        """Send the preview as a mail.

        Raises `ValidationFailed` for an address that the mail server rejects, `ServiceUnavailable`.
        """
        message = Message(f"{test_id}:email", kind, "email", to, to, "", rendering.EXAMPLES, locale)
        try:
            self.channels.send(message, self.channels.render(message, self.store), self.store)
        except AddressRefused as error:
            raise ValidationFailed.of("to", f"is rejected by the mail server: {error}") from error

    def _dispatch(self, draft: Draft) -> None:
        NotificationDispatcher(self.store, self.channels).dispatch(draft)
