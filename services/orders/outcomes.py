"""The reply to a placement: the order as confirmed, or the error for why it was not."""

from typing import Any

from schemas.rpc.payments import PaymentsRpc
from services.chassis.common.errors import DOMAIN_ERRORS, InvalidState, PaymentActionRequired
from services.orders import placement
from services.orders.domain.order import Order
from services.orders.domain.view import as_reply


def outcome_of_placement(order: Order, payments: PaymentsRpc, secret_key: str) -> dict[str, Any]:
    """The order as a resource; a guest's with its access key.

    Raises the error of the step that failed (details: `order_id`), `PaymentActionRequired` with the secret that the
    customer's page confirms the payment with.
    """
    if order.failure is not None:
        failure = order.failure
        details = [{**detail, "order_id": order.id} for detail in failure.details] or [{"order_id": order.id}]
        raise DOMAIN_ERRORS.get(failure.code, InvalidState)(failure.reason, details)
    if order.status == "awaiting_payment" and order.payment_status == "requires_action":
        payment = payments.status_of(payment_id=order.placed.payment_id)
        detail = {"client_secret": payment.client_secret, "order_id": order.id} | _access_key(order, secret_key)
        raise PaymentActionRequired(details=[detail])
    return as_reply(order) | _access_key(order, secret_key)


def _access_key(order: Order, secret_key: str) -> dict[str, str]:
    """The key with which a guest reads the order; empty for a customer's."""
    if order.placed.user_id is not None:
        return {}
    return {"access_key": placement.access_key(secret_key, order.id)}
