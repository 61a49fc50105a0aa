"""Kinds of messages with their default channels; transactional ones cannot be turned off."""

from dataclasses import dataclass
from typing import Final

CHANNELS: Final = ("email", "sms", "push", "in_app")


@dataclass(frozen=True)
class Kind:
    """A kind of message. Transactional kinds concern orders, disputes or the account and are always sent by e-mail."""

    transactional: bool
    channels: tuple[str, ...]
    """The default channels."""


KINDS: Final[dict[str, Kind]] = {
    "welcome": Kind(True, ("email",)),
    "verify_mail": Kind(True, ("email",)),
    "password_reset": Kind(True, ("email",)),
    "order_confirmed": Kind(True, ("email", "push", "in_app")),
    "payment_failed": Kind(True, ("email", "in_app")),
    "order_shipped": Kind(True, ("email", "sms", "push", "in_app")),
    "order_delivered": Kind(True, ("email", "push", "in_app")),
    "order_cancelled": Kind(True, ("email", "in_app")),
    "order_refunded": Kind(True, ("email", "in_app")),
    "dispute_opened": Kind(True, ("email",)),
    "dispute_evidence_due": Kind(True, ("email",)),
    "dispute_won": Kind(True, ("email",)),
    "dispute_lost": Kind(True, ("email",)),
    "review_published": Kind(False, ("email", "in_app")),
    "back_in_stock": Kind(False, ("email", "push", "in_app")),
    "low_stock": Kind(False, ("email", "in_app")),
    "report_ready": Kind(False, ("email", "in_app")),
}
