"""Notifications service: sends messages about events by the recipients' channels."""

import hashlib
from dataclasses import replace

from schemas.api.notification_templates import MessageText, SaveTemplate
from schemas.api.notifications import DeviceRequest, KindName, Locale, MessageId, PageQuery, PreferencesWrite
from schemas.base import Caller, Email, Id, Sku
from schemas.events.analytics import ReportFinished
from schemas.events.auth import (
    EmailVerificationRequested,
    EmailVerified,
    IdentityLinked,
    PasswordChanged,
    PasswordResetRequested,
    RegistrationAttempted,
    UserRegistered,
)
from schemas.events.inventory import BackInStock, LowStock
from schemas.events.orders import OrderCancelled, OrderConfirmed, OrderDelivered, OrderFailed, OrderShipped
from schemas.events.payments import (
    PaymentDisputeClosed,
    PaymentDisputeEvidenceDue,
    PaymentDisputeOpened,
    PaymentRefunded,
)
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.events.reviews import ReviewPublished
from schemas.events.users import ProfileUpdated
from schemas.events.webhooks import WebhookSubscriptionDisabled
from schemas.rpc.notifications import NotificationsRpc
from services.chassis.common.errors import NotFound, ValidationFailed
from services.chassis.common.paging import Paging
from services.chassis.dynamic_config import config
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.outbound.addresses import OutboundRefused
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.notifications import localization, rendering, template_texts, unsubscribe
from services.notifications.channels import ConfiguredChannels
from services.notifications.dispatcher import NotificationDispatcher
from services.notifications.domain import drafts, preferences
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Draft, Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore

REFUNDED_FAILURES = ("CONFLICT", "INVALID_STATE")
"""Codes of orders that may fail after their payment was made: replaced by another order, or paid too late."""


class NotificationsService(PersonalDataHandlers, Service):
    """RPC methods, event handlers and the sender of queued messages."""

    name = "notifications"

    store = Mongo(MessageStore)
    settings = Configured(NotificationSettings)
    channels = ConfiguredChannels()

    # -- consumed events--------------------------------------------------------------------------------------------

    @on_event(UserRegistered)
    def add_account(self, event: UserRegistered) -> None:
        self.store.recipients.add_account(event.user_id, event.email, event.first_name, event.meta.time)

    @on_event(EmailVerificationRequested, PasswordResetRequested)
    def send_link(self, event: EmailVerificationRequested | PasswordResetRequested) -> None:
        if isinstance(event, EmailVerificationRequested):
            self.store.recipients.request_verification(event.user_id)
        self._dispatch(drafts.link(event, self.settings.shop_url, self.settings.link_key))

    @on_event(EmailVerified)
    def send_welcome(self, event: EmailVerified) -> None:
        """Welcome the owner of a verified address: whoever registered with another's gets nobody a welcome."""
        self.store.recipients.verify(event.user_id)
        self._dispatch(drafts.welcome(event, self.store.recipients.find(event.user_id)))

    @on_event(PasswordChanged)
    def send_password_change(self, event: PasswordChanged) -> None:
        email = self.store.recipients.find(event.user_id).get("email")
        self._dispatch(drafts.password_changed(event, email))

    @on_event(RegistrationAttempted)
    def send_registration_attempt(self, event: RegistrationAttempted) -> None:
        self._dispatch(drafts.registration_attempted(event))

    @on_event(IdentityLinked)
    def send_identity_linked(self, event: IdentityLinked) -> None:
        self._dispatch(drafts.identity_linked(event))

    @on_event(WebhookSubscriptionDisabled)
    def send_webhook_disabled(self, event: WebhookSubscriptionDisabled) -> None:
        """Notify the owner of the subscription; the shop's staff, if it is a service account's."""
        email = self.store.recipients.find(event.owner_id).get("email") or self._staff_email()
        self._dispatch(drafts.webhook_disabled(event, email))

    @on_event(ProfileUpdated)
    def update_profile(self, event: ProfileUpdated) -> None:
        """Store the profile; a language or phone that it has not was removed."""
        values = event.model_dump(include={"first_name", "language", "phone", "marketing"})
        self.store.recipients.update_profile(event.user_id, event.meta.time, **values)

    @on_event(OrderConfirmed)
    def send_order_confirmation(self, event: OrderConfirmed) -> None:
        self.store.recipients.add_order(event.order_id, event.number, event.user_id, event.email)
        self._dispatch(drafts.order_confirmed(event, self._order_link(event.order_id, event.user_id)))

    @on_event(OrderFailed)
    def send_payment_failure(self, event: OrderFailed) -> None:
        """Other failures were reported in the reply to the order request. One after the payment is refunded: the
        message of the refund needs the order's contact.
        """
        if event.code in REFUNDED_FAILURES:
            self.store.recipients.add_order(event.order_id, event.number, event.user_id, event.email)
        if event.code in ("PAYMENT_DECLINED", "PAYMENT_ACTION_REQUIRED"):
            self._dispatch(drafts.payment_failed(event))

    @on_event(OrderShipped)
    def send_shipment(self, event: OrderShipped) -> None:
        self._dispatch(drafts.order_shipped(event, self._order_link(event.order_id, event.user_id)))

    @on_event(OrderDelivered)
    def send_delivery(self, event: OrderDelivered) -> None:
        self._dispatch(drafts.order_delivered(event, self._order_link(event.order_id, event.user_id)))

    @on_event(OrderCancelled)
    def send_cancellation(self, event: OrderCancelled) -> None:
        self._dispatch(drafts.order_cancelled(event, self._order_link(event.order_id, event.user_id)))

    @on_event(PaymentRefunded)
    def send_refund(self, event: PaymentRefunded) -> None:
        """Refunds of cancellations are part of the cancellation message."""
        if event.reason != "order_cancelled":
            contact = self.store.recipients.contact(event.order_id)
            self._dispatch(drafts.order_refunded(event, contact, self._order_link(event.order_id, contact["user_id"])))

    @on_event(PaymentDisputeOpened, PaymentDisputeEvidenceDue, PaymentDisputeClosed)
    def send_dispute(self, event: PaymentDisputeOpened | PaymentDisputeEvidenceDue | PaymentDisputeClosed) -> None:
        """Notify the shop's staff."""
        number = self.store.recipients.number_of(event.order_id)
        self._dispatch(drafts.dispute(event, number, self._staff_email()))

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

    @implements(NotificationsRpc.list_own)
    def list_own(self, page: PageQuery, caller: Caller) -> Json:
        return self.store.messages.list_in_app(str(caller.user_id), Paging.of(page))

    @implements(NotificationsRpc.unread_count)
    def unread_count(self, caller: Caller) -> Json:
        return {"count": self.store.messages.count_unread(str(caller.user_id))}

    @implements(NotificationsRpc.mark_read)
    def mark_read(self, caller: Caller, message_id: MessageId | None = None) -> Json:
        return {"read": self.store.messages.mark_read(str(caller.user_id), message_id)}

    @implements(NotificationsRpc.get_preferences)
    def get_preferences(self, caller: Caller) -> Json:
        return preferences.with_defaults(self.store.recipients.find(str(caller.user_id)).get("preferences") or {})

    @implements(NotificationsRpc.set_preferences)
    def set_preferences(self, chosen: PreferencesWrite, caller: Caller) -> Json:
        stored = chosen.model_dump(mode="json", by_alias=True, exclude_none=True)
        preferences.check(stored)
        self.store.recipients.set_preferences(str(caller.user_id), stored)
        return preferences.with_defaults(stored)

    @implements(NotificationsRpc.unsubscribe)
    def unsubscribe(self, token: str) -> Json:
        return unsubscribe.unsubscribe(self.store, self.settings, token)

    @implements(NotificationsRpc.unsubscribe_page)
    def unsubscribe_page(self, token: str) -> Json:
        return unsubscribe.show_page(self.store, self.settings, token)

    @implements(NotificationsRpc.push_key)
    def push_key(self) -> Json:
        return {"public_key": self.channels.push.public_key()}

    @implements(NotificationsRpc.add_device)
    def add_device(self, device: DeviceRequest, caller: Caller) -> None:
        try:
            self.channels.push.check(device.endpoint)
        except OutboundRefused as refused:
            raise ValidationFailed.of("endpoint", str(refused)) from refused
        self.store.recipients.add_device(str(caller.user_id), device.endpoint, device.keys.model_dump())

    @implements(NotificationsRpc.remove_device)
    def remove_device(self, endpoint: str, caller: Caller) -> None:
        self.store.recipients.remove_device(endpoint, str(caller.user_id))

    @implements(NotificationsRpc.subscribe_back_in_stock)
    def subscribe_back_in_stock(self, sku: Sku, caller: Caller, email: Email | None = None) -> None:
        address = email or caller.email
        if address is None:
            raise ValidationFailed.of("email", "is required without an account")
        if self.store.recipients.product_of(sku) is None:
            raise NotFound("There is no such product", [{"field": "sku", "sku": sku}])
        self.store.recipients.add_waiting(sku, caller.user_id, address)

    # -- administrators --------------------------------------------------------------------------------------------

    @implements(NotificationsRpc.deliveries)
    def deliveries(self, recipient: str, page: PageQuery, caller: Caller) -> Json:
        return self.store.messages.deliveries(recipient, Paging.of(page))

    @implements(NotificationsRpc.templates)
    def templates(self, caller: Caller) -> Json:
        locales = localization.locales()
        return [
            {"kind": kind, "transactional": fields.transactional, "channels": list(fields.channels), "locales": locales}
            for kind, fields in KINDS.items()
        ]

    @implements(NotificationsRpc.template)
    def template(self, kind: KindName, caller: Caller, locale: Locale = "en") -> Json:
        return template_texts.resource(self.store.templates, kind, locale)

    @implements(NotificationsRpc.save_template)
    def save_template(self, command: SaveTemplate) -> Json:
        text = command.text.model_dump(exclude_none=True)
        rendering.check(command.kind, text)
        by = command.caller.user_id
        self.store.templates.save(command.kind, command.locale, text, command.version, by)
        return template_texts.resource(self.store.templates, command.kind, command.locale)

    @implements(NotificationsRpc.preview)
    def preview(self, kind: KindName, caller: Caller, locale: Locale = "en", text: MessageText | None = None) -> Json:
        if custom_texts := text.model_dump(exclude_none=True) if text else None:
            rendering.check(kind, custom_texts)
        elif template := self.store.templates.current(kind, locale):
            custom_texts = template["text"]
        return rendering.preview(kind, locale, custom_texts, self.settings.shop_name, self.settings.shop_url)

    @implements(NotificationsRpc.send_test)
    def send_test(self, kind: KindName, to: Email, test_id: Id, caller: Caller, locale: Locale = "en") -> None:
        message = Message(f"{test_id}:email", kind, "email", to, to, "", rendering.EXAMPLES, locale)
        try:
            self.channels.send(message, self.channels.render(message, self.store), self.store)
        except AddressRefused as error:
            raise ValidationFailed.of("to", f"is rejected by the mail server: {error}") from error

    def _staff_email(self) -> str:
        return str(config.setting("notifications.staff_email", self.settings.staff_address))

    def _order_link(self, order_id: str, user_id: str | None) -> str:
        return drafts.order_link(self.settings.shop_url, order_id, user_id, self.settings.link_key)

    def personal_data(self, person: Person) -> Sections:
        return self.store.persons.of(person)

    def erase_person(self, person: Person) -> None:
        self.store.persons.erase(person)

    def _dispatch(self, draft: Draft) -> None:
        NotificationDispatcher(self.store, self.channels).dispatch(draft)
