"""Drafts of notifications from events, with the variables (`facts`) of their templates.

Facts are independent of language: amounts are `{amount, currency}`; `method`, `reason` and `country` are codes that
`localization` translates.
"""

from datetime import UTC
from typing import Any

from schemas.events.analytics import ReportFinished
from schemas.events.auth import (
    EmailVerificationRequested,
    EmailVerified,
    IdentityLinked,
    PasswordChanged,
    PasswordResetRequested,
    RegistrationAttempted,
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
from schemas.events.reviews import ReviewPublished
from schemas.events.webhooks import WebhookSubscriptionDisabled
from schemas.signed.mail_links import one_time_token
from schemas.signed.order_keys import access_key
from services.notifications.domain.formatting import address_lines, one_line
from services.notifications.domain.messages import Draft


def order_confirmed(event: OrderConfirmed, order_link: str) -> Draft:
    """The confirmation of an order."""
    currency, totals = event.currency, event.totals
    facts = {
        "number": event.number,
        "address": address_lines(event.shipping_address),
        "country": event.shipping_address.get("country"),
        "method": event.shipping_method,
        "lines": [
            {
                "title": line.title,
                "quantity": line.quantity,
                "unit_price": _money(line.unit_price, currency),
                "total": _money(line.line_total, currency),
            }
            for line in event.items
        ],
        "subtotal": _money(totals.subtotal, currency),
        "discount": _money(-totals.discount, currency) if totals.discount else None,
        "shipping": _money(totals.shipping, currency) if totals.shipping else None,
        "tax": _money(totals.tax, currency),
        "total": _money(totals.total, currency),
        "order_link": order_link,
    }
    return Draft(event.meta.id, "order_confirmed", event.user_id, event.email, facts, event.meta.request_id)


def welcome(event: EmailVerified, person: dict[str, Any]) -> Draft:
    """The welcome message of an account, once, when its address is verified."""
    facts = {"first_name": one_line(person.get("first_name") or "")}
    return Draft(f"welcome:{event.user_id}", "welcome", event.user_id, person.get("email"), facts)


def password_changed(event: PasswordChanged, email: str | None) -> Draft:
    """A message to the account's owner, who may not have changed the password."""
    return Draft(event.meta.id, "password_changed", event.user_id, email, {})


def registration_attempted(event: RegistrationAttempted) -> Draft:
    """A message to the owner of an account whose address was used to register again; at most one a day."""
    id_ = f"registration_attempted:{event.user_id}:{event.meta.time:%Y-%m-%d}"
    return Draft(id_, "registration_attempted", event.user_id, event.email, {})


def identity_linked(event: IdentityLinked) -> Draft:
    """A message to the account's owner, who may not have signed in by a provider."""
    return Draft(event.meta.id, "identity_linked", event.user_id, event.email, {"provider": one_line(event.title)})


def account_erased(event: PersonalDataErasureRequested) -> Draft | None:
    """The last mail to a person, at the start of the erasure; None for an address that was not verified."""
    if event.round > 1 or event.email is None or not event.email_verified:
        return None
    return Draft(f"account_erased:{event.erasure_id}", "account_erased", event.erasure_id, event.email, {})


def webhook_disabled(event: WebhookSubscriptionDisabled, email: str | None) -> Draft:
    """A message to the owner of a webhook subscription whose receiver has failed for days."""
    facts = {
        "url": one_line(event.url),
        "error": one_line(event.error),
        "since": f"{event.failing_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "waiting": event.waiting,
    }
    return Draft(event.meta.id, "webhook_disabled", event.owner_id, email, facts)


def link(event: EmailVerificationRequested | PasswordResetRequested, shop_url: str, secret: bytes) -> Draft:
    """A link with a one-time token, which is derived here and appears only in the mail."""
    is_reset = isinstance(event, PasswordResetRequested)
    kind, page = ("password_reset", "reset-password") if is_reset else ("verify_mail", "verify-email")
    facts = {"link": f"{shop_url}/{page}?token={one_time_token(event.ticket, secret)}", "hours": 24, "minutes": 60}
    return Draft(event.meta.id, kind, event.user_id, event.email, facts)


def payment_failed(event: OrderFailed) -> Draft:
    """A declined payment. The decline code is the last word of the event's reason."""
    code = event.reason.rpartition(" ")[2] if event.code == "PAYMENT_DECLINED" else "not_confirmed"
    facts = {"number": event.number, "total": _money(event.total, event.currency), "reason": code}
    return Draft(event.meta.id, "payment_failed", event.user_id, event.email, facts)


def order_link(shop_url: str, order_id: str, user_id: str | None, secret: bytes) -> str:
    """The page of an order in the shop; a guest's with its access key, as customers sign in instead."""
    page = f"{shop_url}/orders/{order_id}"
    return page if user_id is not None else f"{page}?key={access_key(secret, order_id)}"


def order_shipped(event: OrderShipped, order_link: str) -> Draft:
    facts = {
        "number": event.number,
        "carrier": event.carrier,
        "tracking_number": event.tracking_number,
        "order_link": order_link,
    }
    return Draft(event.meta.id, "order_shipped", event.user_id, event.email, facts)


def order_delivered(event: OrderDelivered, order_link: str) -> Draft:
    facts = {"number": event.number, "titles": [line.title for line in event.items], "order_link": order_link}
    return Draft(event.meta.id, "order_delivered", event.user_id, event.email, facts)


def review_invitation(event: OrderDelivered, order_link: str) -> Draft:
    """An invitation to review what was delivered."""
    facts = {"number": event.number, "titles": [line.title for line in event.items], "order_link": order_link}
    return Draft(f"{event.meta.id}:review", "review_invitation", event.user_id, event.email, facts)


def order_cancelled(event: OrderCancelled, order_link: str) -> Draft:
    """The cancellation of an order, with its refund."""
    refunded = _money(event.refunded, event.currency) if event.refunded else None
    facts = {"number": event.number, "refunded": refunded, "order_link": order_link}
    return Draft(event.meta.id, "order_cancelled", event.user_id, event.email, facts)


def order_refunded(event: PaymentRefunded, contact: dict[str, Any], order_link: str) -> Draft:
    refund = _money(event.refund, event.currency)
    facts = {"number": contact["number"], "refund": refund, "order_link": order_link}
    return Draft(event.meta.id, "order_refunded", contact["user_id"], contact["email"], facts)


def dispute(
    event: PaymentDisputeOpened | PaymentDisputeEvidenceDue | PaymentDisputeClosed, number: str | None, staff_email: str
) -> Draft:
    """A message to the shop's staff about a dispute; `number` of the order if it is known."""
    if isinstance(event, PaymentDisputeClosed):
        kind, due = f"dispute_{event.outcome}", None
    else:
        kind = "dispute_opened" if isinstance(event, PaymentDisputeOpened) else "dispute_evidence_due"
        due = event.evidence_due_at
    facts = {
        "number": number or event.order_id,
        "disputed": _money(event.amount, event.currency),
        "dispute_reason": one_line(event.reason.replace("_", " ")),
        "evidence_due": f"{due.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if due else None,
        "payment_id": event.payment_id,
    }
    return Draft(event.meta.id, kind, None, staff_email, facts)


def review_published(event: ReviewPublished, email: str | None) -> Draft:
    facts = {"title": one_line(event.product_title), "rating": event.rating, "product_id": event.product_id}
    return Draft(event.meta.id, "review_published", event.customer_id, email, facts)


def back_in_stock(event: BackInStock, product: dict[str, Any], waiting: dict[str, Any]) -> Draft:
    """A back-in-stock message for one waiting recipient."""
    facts = {"title": product["title"], "slug": product["slug"], "sku": event.sku}
    return Draft(f"{event.meta.id}:{waiting['_id']}", "back_in_stock", waiting["user_id"], waiting["email"], facts)


def low_stock(event: LowStock, product: dict[str, Any], vendor: dict[str, Any]) -> Draft:
    """A low-stock message for the product's vendor."""
    facts = {"title": product["title"], "sku": event.sku, "available": event.available}
    return Draft(event.meta.id, "low_stock", vendor["_id"], vendor["email"], facts)


def report_ready(event: ReportFinished) -> Draft:
    facts = {"name": one_line(event.name), "rows": event.rows, "report_id": event.report_id, "format": event.format}
    return Draft(event.meta.id, "report_ready", event.owner_id, event.email, facts)


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}
