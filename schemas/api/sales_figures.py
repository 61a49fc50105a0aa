"""Figures of the shop, as they are replied."""

from schemas.api.analytics import Interval
from schemas.base import Currency, Moment, Money, Schema


class Totals(Schema):
    """What was sold. `net = gross - discounts - refunds`; tax and shipping stand beside it.

    A refund counts when it is made, with its share of tax and shipping. `average_order = (gross - discounts) / orders`.
    """

    orders: int
    units: int
    gross: Money
    discounts: Money
    refunds: Money
    net: Money
    tax: Money
    shipping: Money
    average_order: Money


class Point(Totals):
    """One interval of a series."""

    start: Moment


class GroupTotals(Totals):
    """All of one product, category, vendor, country or customer."""

    key: str
    label: str


class Sales(Schema):
    """`previous` is the period of the same length before. Of groups, the hundred with the highest net."""

    currency: Currency
    time_zone: str
    interval: Interval
    totals: Totals
    previous: Totals
    series: list[Point]
    groups: list[GroupTotals]


class TopProduct(Schema):
    product_id: str
    title: str
    views: int
    orders: int
    units: int
    net: Money
    conversion: float | None = None
    """Orders per view, where it was viewed."""


class Segment(Schema):
    """Customers who are alike by recency, frequency and value of what they bought."""

    name: str
    customers: int
    orders: int
    spent: Money


class TopCustomer(Schema):
    customer_id: str
    label: str
    orders: int
    spent: Money
    last_order_at: Moment


class Customers(Schema):
    """`lifetime_value`: what a customer has paid and not got back, on the average over all who ever bought.

    `spent` is that as well, tax and shipping included: of segments ever since, of the `top` in the period.
    """

    currency: Currency
    active: int
    new: int
    returning: int
    all_time: int
    lifetime_value: Money
    orders_per_customer: float
    segments: list[Segment]
    top: list[TopCustomer]


class Retained(Schema):
    months_after: int
    customers: int
    rate: float


class Cohort(Schema):
    """Customers whose first order was in this month, and how many of them bought again so many months after."""

    month: str
    customers: int
    retention: list[Retained]


class Cohorts(Schema):
    cohorts: list[Cohort]


class Decline(Schema):
    code: str
    payments: int
    amount: Money


class ProviderFigures(Schema):
    provider: str
    payments: int
    paid: int
    success_rate: float


class Payments(Schema):
    currency: Currency
    payments: int
    paid: int
    declined: int
    open: int
    success_rate: float
    paid_amount: Money
    declines: list[Decline]
    providers: list[ProviderFigures]


class Durations(Schema):
    """Hours; percentiles are the upper edge of the bin that they lie in."""

    orders: int
    average: float | None = None
    p50: float | None = None
    p90: float | None = None


class CarrierTimes(Schema):
    carrier: str
    to_ship: Durations
    to_deliver: Durations


class Delivery(Schema):
    """From the confirmation to the parcel's departure, and from there to the door."""

    to_ship: Durations
    to_deliver: Durations
    carriers: list[CarrierTimes]


class StockFigures(Schema):
    product_id: str
    title: str
    on_hand: int
    units_sold: int
    turnover: float | None = None
    """Units sold per mean number of units on hand."""
    days_of_cover: float | None = None
    """How long the stock lasts at this period's pace; null: nothing was sold."""
