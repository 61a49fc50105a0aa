"""What an order costs. Prices are without tax; tax is added per line, rounded once per line, half to even."""

from collections.abc import Sequence

from schemas.api.cart import CheckoutLine
from schemas.events.orders import OrderLine, Totals
from services.chassis.common.money import percent_of


def price_lines(lines: Sequence[CheckoutLine]) -> list[OrderLine]:
    """The cart's lines (`schemas.api.cart.CheckoutLine`) as the order keeps them, each with its tax."""
    return [
        OrderLine(
            sku=line.sku,
            product_id=line.product_id,
            title=line.title,
            quantity=line.quantity,
            unit_price=line.unit_price,
            line_total=line.unit_price * line.quantity,
            tax_rate_bp=line.tax_rate_bp,
            tax=percent_of(line.unit_price * line.quantity, line.tax_rate_bp),
            vendor_id=line.vendor_id,
            category=line.category,
        )
        for line in lines
    ]


def add_up(lines: Sequence[OrderLine], shipping: int, discount: int = 0) -> Totals:
    """The totals of the lines and the shipping. Shipping is not taxed: its price is what the customer pays."""
    subtotal = sum(line.line_total for line in lines)
    tax = sum(line.tax for line in lines)
    return Totals(
        subtotal=subtotal, discount=discount, shipping=shipping, tax=tax, total=subtotal - discount + shipping + tax
    )
