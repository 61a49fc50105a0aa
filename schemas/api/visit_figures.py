"""Figures of visits: how far they come, what they look for, what happens right now."""

from typing import Literal

from schemas.base import Currency, Moment, Money, Schema


class Step(Schema):
    """How many visits came as far as this. `rate` of those that looked at something; `drop_off` of the step before."""

    name: Literal["view", "cart", "checkout", "paid"]
    sessions: int
    rate: float
    drop_off: float


class Funnel(Schema):
    """Orders that no visit is known of count as visits of their own."""

    steps: list[Step]


class LeftProduct(Schema):
    product_id: str
    title: str
    carts: int
    units: int
    value: Money


class AbandonedCarts(Schema):
    """Visits that filled a cart and did not order; a visit of the last hour may still do."""

    currency: Currency
    carts: int
    abandoned: int
    rate: float
    value: Money
    products: list[LeftProduct]


class QueryFigures(Schema):
    query: str
    searches: int
    without_result: int
    clicks: int
    click_through: float
    mean_position: float | None = None


class SearchFigures(Schema):
    searches: int
    without_result: int
    clicks: int
    click_through: float
    mean_position: float | None = None
    queries: list[QueryFigures]
    nothing_found: list[QueryFigures]


class FlagValueFigures(Schema):
    """A customer counts once a day (UTC) and value, a guest once. `ordered` and `paid`: of them, those who did after
    they were shown it: the customer on that day, the guest whose flags went by the cart. `conversion`: paid of exposed.
    """

    value: str
    exposed: int
    ordered: int
    paid: int
    conversion: float


class FlagFigures(Schema):
    """A flag that is being tried out (variants, a rollout)."""

    flag: str
    values: list[FlagValueFigures]


class LiveMinute(Schema):
    at: Moment
    orders: int
    revenue: Money
    visitors: int


class LiveProduct(Schema):
    product_id: str
    title: str
    units: int


class Live(Schema):
    """The last 60 minutes, the oldest first."""

    minutes: list[LiveMinute]
    top_products: list[LiveProduct]
