"""The changes that a batch of facts makes to the read model."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.analytics.domain.facts import Fact

Document = dict[str, Any]


@dataclass
class CustomerChange:
    """Increments to a customer's record; they can be applied in any order."""

    orders: int = 0
    spent: dict[str, int] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)
    email: str | None = None


@dataclass
class Changes:
    """The changes that a batch makes to the read model."""

    documents: dict[str, dict[str, Document]]
    counters: dict[str, dict[str, int]]
    customers: dict[str, CustomerChange]
    labels: dict[str, Fact]
    titles: dict[str, str]
    """Product titles taken from order lines, for products whose own events have not been read."""
    active_minutes: dict[tuple[datetime, str], set[str]]
    """By minute and session: the vendors whose products the session viewed, clicked or added to the cart."""
    product_owners: dict[str, str]
    """Vendor id by product id and SKU, for those whose owner was not stored yet."""
    unresolved: set[str]
    """Products and SKUs that sessions refer to and whose owner is still unknown."""
