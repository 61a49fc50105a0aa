"""Flag exposures: which value of a feature flag was shown to whom, and whether they ordered afterwards.

Exposures are stored on the same links as orders: the account and day (UTC), or the guest's cart.
"""

from typing import Any

from services.analytics.domain import counters
from services.analytics.domain.counters import CounterChanges
from services.analytics.domain.facts import Fact

Link = dict[str, Any]


def link_key(fact: Fact) -> str:
    """The link of an exposure: one per customer and day (UTC), one per guest."""
    user = fact.data["user"]
    return f"u:{user}:{fact.at:%Y-%m-%d}" if user else f"c:{fact.id}"


def apply_fact(link: Link, fact: Fact) -> None:
    """Record the first time that the value was shown."""
    first_shown = {(flag, value): at for flag, value, at in link.get("flags", ())}
    key = (fact.data["flag"], fact.data["value"])
    first_shown[key] = min(first_shown.get(key, fact.at), fact.at)
    link["flags"] = [[flag, value, at] for (flag, value), at in sorted(first_shown.items())]


def count(link: Link, changes: CounterChanges, sign: int) -> None:
    """Add exposures and the orders placed and paid after them (sign 1), or subtract them (sign -1)."""
    for flag, value, at in link.get("flags", ()):
        reached = max((stage for _, stage, since in link.get("orders", ()) if since >= at), default=-1)
        fields = [("e", sign), ("c", sign if reached >= 2 else 0), ("p", sign if reached >= 3 else 0)]
        changes.add(counters.FLAG, f"{flag}|{value}", at, fields)
