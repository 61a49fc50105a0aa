"""Handlers of the events that cause messages."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

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
from schemas.events.privacy import PersonalDataErasureRequested
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from schemas.events.reviews import ReviewPublished
from schemas.events.users import ProfileUpdated
from schemas.events.webhooks import WebhookSubscriptionDisabled
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import erased_address
from services.chassis.runtime.service import Configured
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.notifications.channels import ConfiguredChannels
from services.notifications.dispatcher import NotificationDispatcher
from services.notifications.domain import drafts
from services.notifications.domain.messages import Draft
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore

BATCH = 50
"""Maximum number of confirmations that are sent together: so many may be sent twice when the process dies."""
BATCH_SECONDS = 0.3
"""How long a confirmation waits for others, in seconds."""
PRODUCT_BATCH = 200
PRODUCT_BATCH_SECONDS = 0.05
REFUNDED_FAILURES = ("CONFLICT", "INVALID_STATE")
"""Codes of orders that may fail after their payment was made: replaced by another order, or paid too late."""


class EventHandlers:
    """Stores what messages need, and dispatches them."""

    store = Mongo(MessageStore)
    settings = Configured(NotificationSettings)
    channels = ConfiguredChannels()

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

    @on_event(PersonalDataErasureRequested)
    def send_erasure_confirmation(self, event: PersonalDataErasureRequested) -> None:
        """Confirm an erasure at its start. Nothing is read from what is being erased meanwhile."""
        draft = drafts.account_erased(event)
        if draft is not None:
            dispatcher = NotificationDispatcher(self.store, self.channels)
            dispatcher.send_unrecorded(draft, event.language or "en", erased_address(event.user_id))

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

    @on_batch(OrderConfirmed, size=BATCH, seconds=BATCH_SECONDS)
    def send_order_confirmations(self, events: list[OrderConfirmed]) -> None:
        self.store.recipients.add_orders(events)
        confirmations = [
            drafts.order_confirmed(event, self._order_link(event.order_id, event.user_id)) for event in events
        ]
        NotificationDispatcher(self.store, self.channels).dispatch_all(confirmations)

    @on_event(OrderFailed)
    def send_payment_failure(self, event: OrderFailed) -> None:
        """Other failures were reported in the reply to the order request. One after the payment is refunded: the
        message of the refund needs the order's contact.
        """
        if event.code in REFUNDED_FAILURES:
            self.store.recipients.add_orders([event])
        if event.code in ("PAYMENT_DECLINED", "PAYMENT_ACTION_REQUIRED"):
            self._dispatch(drafts.payment_failed(event))

    @on_event(OrderShipped)
    def send_shipment(self, event: OrderShipped) -> None:
        self._dispatch(drafts.order_shipped(event, self._order_link(event.order_id, event.user_id)))

    @on_event(OrderDelivered)
    def send_delivery(self, event: OrderDelivered) -> None:
        order_link = self._order_link(event.order_id, event.user_id)
        self._dispatch(drafts.order_delivered(event, order_link))
        if event.user_id is not None:
            self._dispatch(drafts.review_invitation(event, order_link))

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

    @on_batch(ProductCreated, ProductUpdated, ProductArchived, size=PRODUCT_BATCH, seconds=PRODUCT_BATCH_SECONDS)
    def update_product(self, events: Sequence[ProductEvent]) -> None:
        self.store.recipients.store_products(
            {
                event.product_id: {
                    "title": event.title,
                    "slug": event.slug,
                    "skus": list(event.skus),
                    "vendor_id": event.vendor_id,
                    "version": event.meta.sequence or 0,
                }
                for event in sorted(events, key=lambda event: event.meta.sequence or 0)
            }
        )

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

    def _staff_email(self) -> str:
        return str(config.setting("notifications.staff_email", self.settings.staff_address))

    def _order_link(self, order_id: str, user_id: str | None) -> str:
        return drafts.order_link(self.settings.shop_url, order_id, user_id, self.settings.link_key)

    def _dispatch(self, draft: Draft) -> None:
        NotificationDispatcher(self.store, self.channels).dispatch(draft)
