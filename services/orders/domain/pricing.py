"""Order totals. Prices are without tax; tax is added and rounded once per line, half to even."""

from collections.abc import Mapping, Sequence

from schemas.api.cart import CheckoutLine
from schemas.events.orders import OrderLine, OrderPlaced, Totals
from services.chassis.common.money import percent_of, split


def price_lines(lines: Sequence[CheckoutLine]) -> list[OrderLine]:
    """The order's lines with tax, from the cart's lines."""
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


def goods_by_vendor(placed: OrderPlaced, units: Mapping[str, int] | None = None) -> dict[str, int]:
    """The price of vendors' lines without tax, less their share of the discount, by vendor id: of these units by SKU,
    rounded down per line, or of all.
    """
    discounts = split(placed.totals.discount, [line.line_total for line in placed.items])
    goods: dict[str, int] = {}
    for line, discount in zip(placed.items, discounts, strict=True):
        if line.vendor_id is not None:
            taken = line.quantity if units is None else units.get(line.sku, 0)
            amount = (line.line_total - discount) * taken // line.quantity
            goods[line.vendor_id] = goods.get(line.vendor_id, 0) + amount
    return goods


def add_up(lines: Sequence[OrderLine], shipping: int, discount: int = 0) -> Totals:
    """The totals of lines and shipping. Shipping is not taxed: its price is what the customer pays."""
    subtotal = sum(line.line_total for line in lines)
    tax = sum(line.tax for line in lines)
    return Totals(
        subtotal=subtotal, discount=discount, shipping=shipping, tax=tax, total=subtotal - discount + shipping + tax
    )
