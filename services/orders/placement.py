"""Placement of orders: the cart is priced, totalled, and checked against the expected total."""

import hmac
from datetime import datetime

import orjson
import structlog

from schemas.api.cart import CheckoutView
from schemas.api.inventory import StockLine
from schemas.api.orders import PlaceOrder
from schemas.api.shipping import Destination, PriceOf
from schemas.base import Price
from schemas.events.orders import OrderPlaced, Totals
from schemas.rpc.cart import CartRpc
from schemas.rpc.shipping import ShippingRpc
from schemas.signed import order_keys
from services.chassis.common import clock, context, ids
from services.chassis.common.context import within
from services.chassis.common.errors import (
    DomainError,
    Forbidden,
    NotFound,
    PriceChanged,
    ValidationFailed,
)
from services.chassis.common.money import json as money
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject
from services.orders.domain.order import Order
from services.orders.domain.pricing import add_up, price_lines
from services.orders.settings import OrderSettings
from services.orders.store import Buyer, OrderStore, StoredOrder, UnpaidLimits

CART_SECONDS = 1.0
"""Maximum seconds that the reply waits for the cart to be emptied."""

log = structlog.get_logger()


def place(
    command: PlaceOrder,
    number: int,
    store: OrderStore,
    carts: CartRpc,
    shipping: ShippingRpc,
    settings: OrderSettings,
) -> tuple[StoredOrder, bool]:
    """Place the order under this number. Returns it, and whether this call placed it or a concurrent duplicate of the
    command did.

    Raises `ValidationFailed`, `NotFound`, `PriceChanged`, or as `OrderStore.place`: then there is no order.
    """
    check_switches(command)
    check_provider(command, settings.payment_providers)
    address = command.shipping_address
    check_guest(command)
    cart = carts.checkout_view(
        cart_id=command.cart_id, caller=command.caller, country=address.country, region=address.region
    )
    check_cart(cart)
    check_quantities(cart, config.setting("orders.maximum_units_of_a_line"))
    rate = shipping.price_of(
        PriceOf(
            method=command.shipping_method,
            address=Destination(country=address.country, region=address.region, postal_code=address.postal_code),
            subtotal=cart.subtotal,
            weight_g=cart.weight_g,
            currency=cart.currency,
        )
    )
    now = clock.now()
    placed = order_of(command, cart, rate.price.amount, number, now, settings.number_prefix)
    limits = UnpaidLimits(settings.unpaid_orders_per_customer, settings.unpaid_orders_per_address)
    token, buyer = command.payment_method.token, buyer_of(command)
    stored = store.place(placed, token, command.idempotency, now, buyer, limits)
    return stored, stored.order.id == placed.order_id


def empty_cart(order: Order, carts: CartRpc) -> None:
    """Remove the bought lines from the cart before the reply; if that fails, `order_confirmed` does it."""
    lines = [StockLine(sku=line.sku, quantity=line.quantity) for line in order.placed.items]
    try:
        with within(CART_SECONDS):
            carts.remove_ordered(cart_id=order.placed.cart_id, order_id=order.id, lines=lines)
    except DomainError as away:
        log.warning("cart_removal_failed", order_id=order.id, error=str(away))


def order_of(
    command: PlaceOrder, cart: CheckoutView, shipping: int, number: int, now: datetime, prefix: str
) -> OrderPlaced:
    """Build the placement event. Raises `ValidationFailed`, `NotFound` or `PriceChanged`."""
    lines = price_lines(cart.lines)
    totals = add_up(lines, shipping)
    check_price(command.expected_total, cart, totals, shipping)
    shipping_address = command.shipping_address.model_dump(mode="json")
    billing = command.billing_address
    return OrderPlaced(
        order_id=ids.new_id(),
        number=f"{prefix}-{now:%Y}-{number:06d}",
        user_id=command.caller.user_id,
        email=email_of(command),
        currency=cart.currency,
        items=lines,
        totals=totals,
        shipping_address=shipping_address,
        billing_address=billing.model_dump(mode="json") if billing else shipping_address,
        shipping_method=command.shipping_method,
        payment_id=ids.new_id(),
        payment_provider=command.payment_method.provider,
        cart_id=cart.cart_id,
        cart_version=cart.version,
        note=command.note,
    )


def check_price(expected: Price | None, cart: CheckoutView, totals: Totals, shipping: int) -> None:
    """Raises `PriceChanged` unless the total is the expected one; where none was sent, if it is above the total of the
    prices that the cart last showed. Lower prices pass.
    """
    if expected is not None:
        expected_total = expected.amount
        is_accepted = (expected.amount, expected.currency) == (totals.total, cart.currency)
    else:
        seen_lines = [
            line if line.seen_price is None else line.model_copy(update={"unit_price": line.seen_price})
            for line in cart.lines
        ]
        seen = add_up(price_lines(seen_lines), shipping, totals.discount)
        expected_total, is_accepted = seen.total, totals.subtotal <= seen.subtotal
    if not is_accepted:
        currency = expected.currency if expected is not None else cart.currency
        details = {"expected": money(expected_total, currency), "actual": money(totals.total, cart.currency)}
        raise PriceChanged(details=[details])


def check_cart(cart: CheckoutView) -> None:
    """Raises `ValidationFailed` for an empty cart, `NotFound` for one with something that is no longer sold."""
    if unavailable := cart.unavailable:
        raise NotFound(
            "Something in the cart is no longer sold",
            [{"field": "cart", "sku": sku, "message": "gone"} for sku in unavailable],
        )
    if not cart.lines:
        raise ValidationFailed.of("cart", "is empty")


def check_quantities(cart: CheckoutView, maximum: int) -> None:
    """Raises `ValidationFailed` naming a SKU whose quantity exceeds the limit per line."""
    for line in cart.lines:
        if line.quantity > maximum:
            raise ValidationFailed(
                f"An order may have at most {maximum} of one article",
                [{"field": "quantity", "message": f"must be at most {maximum}", "sku": line.sku}],
            )


def check_switches(command: PlaceOrder) -> None:
    """Raises `Forbidden` while guest checkout is off, `ValidationFailed` for a provider that is switched off."""
    user = command.caller.user_id
    subject = Subject(user or command.cart_id, user, frozenset(command.caller.roles), command.shipping_address.country)
    if user is None and not config.enabled("guest_checkout", subject):
        raise Forbidden("Please sign in to order: ordering without an account is switched off at the moment")
    provider = command.payment_method.provider
    if f"payments.{provider}" in config.state().flags and not config.enabled(f"payments.{provider}", subject):
        raise ValidationFailed.of("payment_method.provider", f"{provider} is switched off at the moment")


def check_provider(command: PlaceOrder, providers: str) -> None:
    """Raises `ValidationFailed` for a provider that is not in `providers` (names, comma-separated)."""
    provider = command.payment_method.provider
    if provider not in (name.strip() for name in providers.split(",")):
        raise ValidationFailed.of("payment_method.provider", f"{provider} is not a way to pay in this shop")


def check_guest(command: PlaceOrder) -> None:
    """Raises `ValidationFailed` for a guest who names no cart or no mail address."""
    if command.caller.user_id is None and command.cart_id is None:
        raise ValidationFailed.of("X-Cart-Id", "is needed to order as a guest")
    if command.email is None and command.caller.email is None:
        raise ValidationFailed.of("email", "is needed to order as a guest")


def buyer_of(command: PlaceOrder) -> Buyer:
    """The customer, and the network address of the request where the gateway sent one."""
    actor = context.current().get("actor")
    return Buyer(command.caller.user_id or email_of(command).lower(), orjson.loads(actor).get("ip") if actor else None)


def email_of(command: PlaceOrder) -> str:
    """The address of the order's mails: the request's, else the customer's own."""
    return str(command.email or command.caller.email)


def access_key(secret: str, order_id: str) -> str:
    """The key for reading a guest's order; derived, so that a repeated command gets the same one."""
    return order_keys.access_key(secret.encode(), order_id)


def is_access_key(secret: str, order_id: str, key: str | None) -> bool:
    """Whether `key` is the access key of this order."""
    return key is not None and hmac.compare_digest(access_key(secret, order_id), key)
