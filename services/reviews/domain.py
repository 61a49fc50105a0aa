"""The rules of reviews: which are seen at once, what a change does to the rating, who may see what."""

import re
from collections.abc import Mapping
from typing import Any, Final

from schemas.api.reviews import ReviewRules
from schemas.base import Caller

Document = dict[str, Any]

LINK: Final = re.compile(r"https?:|www\.|\b[\w-]+\.(?:com|net|org|info|biz|io|shop|store|ru|cn|xyz)\b", re.IGNORECASE)
STARS: Final = ("1", "2", "3", "4", "5")
WAITS_FOR: Final = {
    "all": "Every review is looked at first",
    "verified": "We could not find a purchase of it by this account",
    "links": "It has a link in it",
    "words": "It has a word in it that we don't show unseen",
    "reports": "It was reported",
}


def judge(rules: ReviewRules, text: str, verified: bool) -> tuple[str, str | None]:
    """The status of a review that nobody has looked at, and why it waits."""
    if not rules.auto_approve:
        return "pending", WAITS_FOR["all"]
    if rules.verified_only and not verified:
        return "pending", WAITS_FOR["verified"]
    if rules.no_links and LINK.search(text):
        return "pending", WAITS_FOR["links"]
    words = set(re.findall(r"\w+", text.casefold()))
    phrases = " ".join(re.findall(r"\w+", text.casefold()))
    for blocked in rules.blocked_words:
        if blocked in words or (" " in blocked and f" {blocked} " in f" {phrases} "):
            return "pending", WAITS_FOR["words"]
    return "approved", None


def rating_step(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, int]:
    """What a change of a review does to its product's rating, as increments; empty: nothing."""
    step: dict[str, int] = {}
    for review, sign in ((before, -1), (after, 1)):
        if review is not None and review["status"] == "approved":
            stars = review["rating"]
            for field, amount in (("sum", stars), ("count", 1), (f"stars.{stars}", 1)):
                step[field] = step.get(field, 0) + sign * amount
    return {field: amount for field, amount in step.items() if amount}


def rating(counted: Mapping[str, Any]) -> Document:
    """The rating of what was counted: average to two decimals, count, histogram."""
    stars = counted.get("stars") or {}
    count = counted.get("count", 0)
    return {
        "average": round(counted.get("sum", 0) / count, 2) if count else 0.0,
        "count": count,
        "histogram": {star: stars.get(star, 0) for star in STARS},
    }


def vote_step(before: bool | None, after: bool) -> dict[str, int]:
    """What a vote does to the counts when its voter had voted so before."""
    if before is after:
        return {}
    step = {"helpful" if after else "not_helpful": 1}
    if before is not None:
        step["helpful" if before else "not_helpful"] = -1
    return step


def public_name(name: str | None) -> str:
    """The first name and an initial: reviews are read by everybody."""
    parts = (name or "").split()
    if not parts:
        return "A customer"
    return f"{parts[0]} {parts[-1][0]}." if len(parts) > 1 else parts[0]


def may_see(review: Document, caller: Caller | None) -> bool:
    """Approved ones are everybody's; the others their author's and the administrators'."""
    return review["status"] == "approved" or (caller is not None and (caller.is_admin or is_author(review, caller)))


def is_author(review: Document, caller: Caller) -> bool:
    return caller.user_id is not None and review["customer_id"] == caller.user_id


def may_reply(vendor_id: str | None, caller: Caller) -> bool:
    """The product's vendor, or an administrator."""
    return caller.is_admin or (caller.is_vendor and vendor_id is not None and vendor_id == caller.user_id)


def shown(review: Document, caller: Caller | None = None) -> Document:
    """A review as the API says it to this caller."""
    view = {
        "id": review["_id"],
        "product_id": review["product_id"],
        "author": {"name": review["author"]},
        **{name: review[name] for name in ("rating", "title", "text", "verified", "status", "helpful", "not_helpful")},
        "images": review["images"],
        "reply": review.get("reply"),
        "created_at": _rfc3339(review["created_at"]),
        "updated_at": _rfc3339(review["updated_at"]),
    }
    if caller is not None and (caller.is_admin or is_author(review, caller)):
        view["reason"] = review.get("reason")
    if caller is not None and caller.is_admin:
        view["reports"] = review["reports"]
    return view


def _rfc3339(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
