"""Who was given which value of a flag, and whether they ordered then.

Exposures hang on the same links as orders do: the account's day (UTC), or the cart of a guest who goes by it.
"""

from typing import Any

from services.analytics.domain import counters
from services.analytics.domain.counters import Counters
from services.analytics.domain.facts import Fact

Link = dict[str, Any]


def link_key(fact: Fact) -> str:
    """Whom it was shown to: a customer counts once a day, a guest once."""
    user = fact.said["user"]
    return f"u:{user}:{fact.at:%Y-%m-%d}" if user else f"c:{fact.id}"


def learn(link: Link, fact: Fact) -> None:
    """Keep when a value was shown first."""
    shown = {(flag, value): at for flag, value, at in link.get("flags", ())}
    key = (fact.said["flag"], fact.said["value"])
    shown[key] = min(shown.get(key, fact.at), fact.at)
    link["flags"] = [[flag, value, at] for (flag, value), at in sorted(shown.items())]


def count(link: Link, book: Counters, sign: int) -> None:
    """Add who was shown what, and who ordered and paid after it, (sign 1) or take it out again (-1)."""
    for flag, value, at in link.get("flags", ()):
        reached = max((stage for _, stage, since in link.get("orders", ()) if since >= at), default=-1)
        fields = [("e", sign), ("c", sign if reached >= 2 else 0), ("p", sign if reached >= 3 else 0)]
        book.add(counters.FLAG, f"{flag}|{value}", at, fields)
