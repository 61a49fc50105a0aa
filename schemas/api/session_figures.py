"""Replies of session figures: funnel, abandoned carts, searches, feature flags, live figures."""

from typing import Literal

from schemas.base import Currency, Moment, Money, Schema


class Step(Schema):
    """Sessions that reached this stage. `rate`: share of the first stage; `drop_off`: loss from the stage before."""

    name: Literal["view", "cart", "checkout", "paid"]
    sessions: int
    rate: float
    drop_off: float


class Funnel(Schema):
    """The sessions by stage. Orders without a tracked session count as a session of their own."""

    steps: list[Step]


class LeftProduct(Schema):
    product_id: str
    title: str
    carts: int
    units: int
    value: Money


class AbandonedCarts(Schema):
    """Sessions that filled a cart without ordering; sessions active within the last hour are left out."""

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
    """Figures of one value of a flag. `exposed`: customers, once per day (UTC), and guests, once.

    `ordered` and `paid`: exposed customers who ordered later that day, and guests whose flags go by their cart.
    `conversion`: `paid` divided by `exposed`.
    """

    value: str
    exposed: int
    ordered: int
    paid: int
    conversion: float


class FlagFigures(Schema):
    """Figures of a flag with variants or a rollout."""

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


class LiveFigures(Schema):
    """The last 60 minutes, oldest first."""

    minutes: list[LiveMinute]
    top_products: list[LiveProduct]
