"""Notifications: hears what happened, and tells the people whom it concerns, by the channels that they want."""

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
from services.notifications import rendering, unsubscribing
from services.notifications.carriers import Carrying
from services.notifications.domain import drafts, preferences
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Draft, Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore
from services.notifications.telling import Teller

Reply = dict[str, Any]


class NotificationsService(Service):
    name = "notifications"

    store = Mongo(MessageStore)
    settings = Configured(NotificationSettings)
    carriers = Carrying()

    # -- what is heard ---------------------------------------------------------------------------------------------

    @on_event(UserRegistered)
    def welcome_customer(self, event: UserRegistered) -> None:
        self.store.people.met(event.user_id, email=event.email, first_name=event.first_name)
        self._tell(drafts.welcome(event))

    @on_event(EmailVerificationRequested, PasswordResetRequested)
    def send_link(self, event: EmailVerificationRequested | PasswordResetRequested) -> None:
        self._tell(drafts.link(event, self.settings.shop_url, self.settings.link_key))

    @on_event(ProfileUpdated)
    def note_profile(self, event: ProfileUpdated) -> None:
        self.store.people.met(event.user_id, first_name=event.first_name, language=event.language, phone=event.phone)

    @on_event(OrderConfirmed)
    def confirm_order(self, event: OrderConfirmed) -> None:
        self.store.people.ordered(event.order_id, event.number, event.user_id, event.email)
        self._tell(drafts.order_confirmed(event))

    @on_event(OrderFailed)
    def tell_failed_payment(self, event: OrderFailed) -> None:
        """An order that failed for another reason was answered at once; nobody needs a mail about it."""
        if event.code in ("PAYMENT_DECLINED", "PAYMENT_ACTION_REQUIRED"):
            self._tell(drafts.payment_failed(event))

    @on_event(OrderShipped)
    def tell_shipped(self, event: OrderShipped) -> None:
        self._tell(drafts.order_shipped(event))

    @on_event(OrderDelivered)
    def tell_delivered(self, event: OrderDelivered) -> None:
        self._tell(drafts.order_delivered(event))

    @on_event(OrderCancelled)
    def tell_cancelled(self, event: OrderCancelled) -> None:
        self._tell(drafts.order_cancelled(event))

    @on_event(PaymentRefunded)
    def tell_refunded(self, event: PaymentRefunded) -> None:
        """What goes back with a cancellation is told there."""
        if event.reason != "order_cancelled":
            self._tell(drafts.order_refunded(event, self.store.people.contact(event.order_id)))

    @on_event(ReviewPublished)
    def tell_review(self, event: ReviewPublished) -> None:
        email = event.email or self.store.people.find(event.customer_id).get("email")
        self._tell(drafts.review_published(event, email))

    @on_event(ReportFinished)
    def tell_report(self, event: ReportFinished) -> None:
        self._tell(drafts.report_ready(event))

    @on_event(ProductCreated, ProductUpdated, ProductArchived)
    def note_product(self, event: ProductEvent) -> None:
        facts = {"title": event.title, "slug": event.slug, "skus": list(event.skus), "vendor_id": event.vendor_id}
        self.store.people.product_changed(event.product_id, event.meta.sequence or 0, facts)

    @on_event(LowStock)
    def tell_vendor(self, event: LowStock) -> None:
        product = self.store.people.product_of(event.sku)
        vendor = self.store.people.find(product.get("vendor_id") if product else None)
        if product is not None and vendor.get("email"):
            self._tell(drafts.low_stock(event, product, vendor))

    @on_event(BackInStock)
    def tell_waiting(self, event: BackInStock) -> None:
        """Each of those who wait is told once."""
        product = self.store.people.product_of(event.sku)
        if product is None:
            return
        told = []
        for waiting in self.store.people.waiting_for(event.sku):
            draft = drafts.back_in_stock(event, product, waiting)
            mark = hashlib.sha256(str(waiting["_id"]).encode()).hexdigest()[:16]
            self._tell(replace(draft, event_id=f"{event.meta.id}:{mark}"))
            told.append(waiting["_id"])
        self.store.people.told(told)

    @every(seconds=1)
    def send_queued(self) -> None:
        """What can wait, and what a carrier could not take before: the most urgent first."""
        Teller(self.store, self.carriers).work_off()

    # -- what somebody reads and wants -----------------------------------------------------------------------------

    @rpc
    def list_own(self, user_id: Id, page: Page) -> Reply:
        """Somebody's messages in the shop, the newest first."""
        return self.store.messages.of_person(user_id, Paging(page.page, page.limit))

    @rpc
    def unread_count(self, user_id: Id) -> Reply:
        return {"count": self.store.messages.unread(user_id)}

    @rpc
    def mark_read(self, user_id: Id, message_id: MessageId | None = None) -> Reply:
        """One message, or all. Raises `NotFound` for one that isn't theirs."""
        return {"read": self.store.messages.mark_read(user_id, message_id)}

    @rpc
    def get_preferences(self, user_id: Id) -> Reply:
        """Every kind and channel, as it is for them."""
        return preferences.whole(self.store.people.find(user_id).get("preferences") or {})

    @rpc
    def set_preferences(self, user_id: Id, wanted: PreferencesWrite) -> Reply:
        """What is left out is as usual. Raises `ValidationFailed` for a mail that can't be turned off."""
        said = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
        preferences.check(said)
        self.store.people.prefer(user_id, said)
        return preferences.whole(said)

    @rpc
    def unsubscribe(self, token: str) -> Reply:
        """One click: no more mails of the token's kind to its person. `{kind, page}`. Raises `NotFound`."""
        return unsubscribing.switch_off(self.store, self.settings, token)

    @rpc
    def unsubscribe_page(self, token: str) -> Reply:
        """What the link would switch off: `{kind, page}`. Changes nothing. Raises `NotFound`."""
        return unsubscribing.show(self.store, self.settings, token)

    @rpc
    def push_key(self) -> Reply:
        """What a browser subscribes with; empty while push is off."""
        return {"public_key": self.carriers.push.public_key()}

    @rpc
    def add_device(self, user_id: Id, device: DeviceRequest) -> None:
        """A browser that wants push messages; the same one again is the same device."""
        self.store.people.add_device(user_id, device.endpoint, device.keys.model_dump())

    @rpc
    def remove_device(self, user_id: Id, endpoint: str) -> None:
        self.store.people.remove_device(endpoint, user_id)

    @rpc
    def wait_for(self, sku: Sku, email: Email, user_id: Id | None = None) -> None:
        """Tell this address once when the SKU is back in stock. Raises `NotFound`."""
        if self.store.people.product_of(sku) is None:
            raise NotFound("There is no such product", [{"field": "sku", "sku": sku}])
        self.store.people.wait_for(sku, user_id, email)

    # -- administrators --------------------------------------------------------------------------------------------

    @rpc
    def deliveries(self, recipient: str, page: Page) -> Reply:
        """What was sent to somebody (an account's id, or an address), by any channel."""
        return self.store.messages.deliveries(recipient, Paging(page.page, page.limit))

    @rpc
    def templates(self) -> list[Reply]:
        """Every kind, with the languages that it is written in."""
        locales = rendering.locales()
        return [
            {"kind": kind, "transactional": facts.transactional, "channels": list(facts.channels), "locales": locales}
            for kind, facts in KINDS.items()
        ]

    @rpc
    def template(self, kind: KindName, locale: Locale = "en") -> Reply:
        """The texts that count, and the versions that administrators have made."""
        changed = self.store.templates.current(kind, locale)
        text = {**rendering.texts_of(kind, locale), **(changed["text"] if changed else {})}
        known = {
            "version": changed["version"] if changed else 0,
            "versions": self.store.templates.versions(kind, locale),
        }
        return {"kind": kind, "locale": locale, "text": text, **known}

    @rpc
    def save_template(self, command: SaveTemplate) -> Reply:
        """A new version. Raises `ValidationFailed` for what is no template, `Conflict` for a stale version."""
        text = command.text.model_dump(exclude_none=True)
        rendering.check(command.kind, text)
        by = command.caller.user_id
        self.store.templates.save(command.kind, command.locale, text, command.version, by)
        return self.template(command.kind, command.locale)

    @rpc
    def preview(self, kind: KindName, locale: Locale = "en", text: TemplateText | None = None) -> Reply:
        """A message with made-up facts: as it is, or as it would be with these texts."""
        if changed := text.model_dump(exclude_none=True) if text else None:
            rendering.check(kind, changed)
        elif found := self.store.templates.current(kind, locale):
            changed = found["text"]
        return rendering.preview(kind, locale, changed, self.settings.shop_name, self.settings.shop_url)

    @rpc
    def send_test(self, kind: KindName, to: Email, test_id: Id, locale: Locale = "en") -> None:
        """The preview as a mail. Raises `ValidationFailed` for an address that the mail server refuses.

        Raises `ServiceUnavailable` when the mail server is away.
        """
        message = Message(f"{test_id}:email", kind, "email", to, to, "", rendering.EXAMPLES, locale)
        try:
            self.carriers.carry(message, self.carriers.render(message, self.store), self.store)
        except AddressRefused as refused:
            raise ValidationFailed.of("to", f"is refused by the mail server: {refused}") from refused

    def _tell(self, draft: Draft) -> None:
        Teller(self.store, self.carriers).tell(draft)
