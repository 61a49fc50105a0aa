"""What a payment provider can be asked. Every request carries a key: asked twice with it, it is done once."""

from dataclasses import dataclass
from typing import Protocol

from services.chassis.common.errors import InvalidState, ServiceUnavailable


class ProviderUnavailable(ServiceUnavailable):
    """The provider failed or did not answer in time: nobody knows what it did, so ask again with the same key."""

    default_message = "The payment provider does not answer"


class ProviderRefuses(InvalidState):
    """The provider's definite no to a request that makes no sense to it: nothing was done, and asking again is idle."""

    default_message = "The payment provider refused"


@dataclass(frozen=True)
class Charge:
    """What is to be promised. `amount` in minor units; `token` is what the provider calls the card."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    token: str
    email: str | None = None


@dataclass(frozen=True)
class Answer:
    """A provider's answer to a charge: `authorized`, `captured`, `requires_action` or `declined`."""

    status: str
    reference: str | None = None
    decline_code: str | None = None
    client_secret: str | None = None


@dataclass(frozen=True)
class Notice:
    """A provider's own message: what a charge has become."""

    message_id: str
    reference: str
    status: str
    decline_code: str | None = None


@dataclass(frozen=True)
class Standing:
    """How a charge stands in the provider's own books: an `Answer`'s status or `voided`, and what was taken of it."""

    status: str
    captured: int = 0


class Provider(Protocol):
    """Raises `ProviderUnavailable` when the outcome isn't known, `ProviderRefuses`; a decline is an answer."""

    name: str

    def authorise(self, charge: Charge, key: str) -> Answer:
        """Promise the amount, to be captured later."""

    def capture(self, reference: str, amount: int, currency: str, key: str) -> None:
        """Take what was promised, or a part of it."""

    def void(self, reference: str, key: str) -> None:
        """Give the promise up. What is voided already stays so."""

    def refund(self, reference: str, amount: int, currency: str, key: str) -> str:
        """Give back; the provider's id of the refund."""

    def look_up(self, reference: str) -> Standing:
        """How the charge stands there."""

    def read_notice(self, body: bytes, headers: dict[str, str]) -> Notice | None:
        """Check a message's signature and read it; None for one that is none of our business.

        Raises `Unauthenticated` for a signature that isn't the provider's, `ValidationFailed` for a malformed body.
        """
