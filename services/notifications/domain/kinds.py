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
    to_unverified: bool = True
    """Whether mails of this kind go to an account's address before it is verified: only what the account or an order
    needs does, for anybody may have given the address.
    """
    marketing: bool = False
    """Advertising: only to persons who want it (`PUT /users/me/preferences`)."""


KINDS: Final[dict[str, Kind]] = {
    "welcome": Kind(True, ("email",), to_unverified=False),
    "verify_mail": Kind(True, ("email",)),
    "password_reset": Kind(True, ("email",)),
    "password_changed": Kind(True, ("email",)),
    "registration_attempted": Kind(True, ("email",)),
    "identity_linked": Kind(True, ("email",)),
    "account_erased": Kind(True, ("email",), to_unverified=False),
    "webhook_disabled": Kind(True, ("email",)),
    "order_confirmed": Kind(True, ("email", "push", "in_app")),
    "payment_failed": Kind(True, ("email", "in_app")),
    "order_shipped": Kind(True, ("email", "sms", "push", "in_app")),
    "order_delivered": Kind(True, ("email", "push", "in_app")),
    "review_invitation": Kind(False, ("email",), to_unverified=False, marketing=True),
    "order_cancelled": Kind(True, ("email", "in_app")),
    "order_refunded": Kind(True, ("email", "in_app")),
    "dispute_opened": Kind(True, ("email",)),
    "dispute_evidence_due": Kind(True, ("email",)),
    "dispute_won": Kind(True, ("email",)),
    "dispute_lost": Kind(True, ("email",)),
    "review_published": Kind(False, ("email", "in_app"), to_unverified=False),
    "back_in_stock": Kind(False, ("email", "push", "in_app"), to_unverified=False),
    "low_stock": Kind(False, ("email", "in_app"), to_unverified=False),
    "report_ready": Kind(False, ("email", "in_app"), to_unverified=False),
}
