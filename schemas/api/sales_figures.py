"""Replies of sales, customer, payment, delivery and stock figures."""

from schemas.api.analytics import Interval
from schemas.base import Currency, Moment, Money, Schema


class Totals(Schema):
    """Sales totals. `net = gross - discounts - refunds`; tax and shipping are not part of it.

    A refund counts at its own date: its share of the goods in `refunds`, its shares of tax and shipping off theirs. So
    a fully refunded order adds 0 to `net`, `tax` and `shipping`.
    `average_order = (gross - discounts) / orders`.
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
    """Totals of one product, category, vendor, country or customer."""

    key: str
    label: str


class Sales(Schema):
    """`previous` is the preceding period of the same length; `groups` are the hundred with the highest net sales."""

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
    """Orders per view; null without views."""


class Segment(Schema):
    """A customer segment by recency and frequency of orders."""

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
    """Customer figures. `lifetime_value`: average amount paid less refunds of all customers who ever ordered.

    `spent`: amount paid less refunds, tax and shipping included; of segments in total, of `top` in the period.
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
    """Customers with their first order in this month, and how many of them ordered again in later months."""

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


class DisputeSums(Schema):
    """Number and amount of disputes."""

    disputes: int
    amount: Money


class DisputeOutcomes(Schema):
    """Disputes opened, won and lost, each counted at its own time."""

    opened: DisputeSums
    won: DisputeSums
    lost: DisputeSums


class DisputeDay(DisputeOutcomes):
    """The disputes of one day that has some; `start` is its midnight in the shop's time zone."""

    start: Moment


class DisputeFigures(DisputeOutcomes):
    """Disputes of the period, in one currency, and by day."""

    days: list[DisputeDay]


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
    disputes: DisputeFigures


class Durations(Schema):
    """Durations in hours; percentiles are upper edges of histogram bins."""

    orders: int
    average: float | None = None
    p50: float | None = None
    p90: float | None = None


class CarrierTimes(Schema):
    carrier: str
    to_ship: Durations
    to_deliver: Durations


class DeliveryTimes(Schema):
    """Times from confirmation to shipment, and from shipment to delivery."""

    to_ship: Durations
    to_deliver: Durations
    carriers: list[CarrierTimes]


class StockFigures(Schema):
    product_id: str
    title: str
    on_hand: int
    units_sold: int
    turnover: float | None = None
    """Units sold divided by the mean number of units on hand."""
    days_of_cover: float | None = None
    """Days until the stock is sold out at the rate of this period; null without sales."""
