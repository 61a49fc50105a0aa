"""Review rules: initial status, rating and vote changes, visibility and permissions."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from schemas.api.reviews import ReviewRules
from schemas.caller import Caller
from schemas.names import is_person_name
from schemas.permissions.permission import Permission

Document = dict[str, Any]

LINK: Final = re.compile(r"https?:|www\.|\w-*\.(?:com|net|org|info|biz|io|shop|store|ru|cn|xyz)\b", re.IGNORECASE)
STARS: Final = ("1", "2", "3", "4", "5")
PENDING_REASONS: Final = {
    "all": "Every review is moderated first",
    "verified": "No purchase of this product by this account was found",
    "links": "It contains a link",
    "words": "It contains a blocked word",
    "reports": "It was reported",
}


def new_review(review_id: str, product_id: str, customer_id: str, author: str, now: datetime) -> Document:
    """A pending review that nobody has voted on yet, without the author's words."""
    return {
        "_id": review_id,
        "product_id": product_id,
        "customer_id": customer_id,
        "author": author,
        "email": None,
        "verified": False,
        "status": "pending",
        "reason": None,
        "moderated": False,
        "helpful": 0,
        "not_helpful": 0,
        "reports": 0,
        "images": [],
        "reply": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def initial_status(rules: ReviewRules, text: str, verified: bool) -> tuple[str, str | None]:
    """The status of an unmoderated review, and the reason if it is pending."""
    if not rules.auto_approve:
        return "pending", PENDING_REASONS["all"]
    if rules.verified_only and not verified:
        return "pending", PENDING_REASONS["verified"]
    if rules.no_links and LINK.search(text):
        return "pending", PENDING_REASONS["links"]
    words = set(re.findall(r"\w+", text.casefold()))
    phrases = " ".join(re.findall(r"\w+", text.casefold()))
    for blocked in rules.blocked_words:
        if blocked in words or (" " in blocked and f" {blocked} " in f" {phrases} "):
            return "pending", PENDING_REASONS["words"]
    return "approved", None


def rating_change(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, int]:
    """Increments to the product's rating caused by a change of a review; empty without effect."""
    step: dict[str, int] = {}
    for review, sign in ((before, -1), (after, 1)):
        if review is not None and review["status"] == "approved":
            stars = review["rating"]
            for field, amount in (("sum", stars), ("count", 1), (f"stars.{stars}", 1)):
                step[field] = step.get(field, 0) + sign * amount
    return {field: amount for field, amount in step.items() if amount}


def rating(sums: Mapping[str, Any]) -> Document:
    """The rating from its sums: average with two decimals, count, histogram."""
    stars = sums.get("stars") or {}
    count = sums.get("count", 0)
    return {
        "average": round(sums.get("sum", 0) / count, 2) if count else 0.0,
        "count": count,
        "histogram": {star: stars.get(star, 0) for star in STARS},
    }


def vote_change(before: bool | None, after: bool) -> dict[str, int]:
    """Increments to the vote counts when a voter changes the vote from `before` (None: no vote) to `after`."""
    if before is after:
        return {}
    step = {"helpful" if after else "not_helpful": 1}
    if before is not None:
        step["helpful" if before else "not_helpful"] = -1
    return step


def public_name(name: str | None) -> str:
    """The author's first name and last initial, as shown to the public; of what is no name, nothing."""
    parts = (name or "").split()
    if not parts or not is_person_name(parts[0]):
        return "A customer"
    return f"{parts[0]} {parts[-1][0]}." if len(parts) > 1 else parts[0]


def may_see(review: Document, caller: Caller | None) -> bool:
    """Whether the caller may read the review: approved ones everybody, others the author and administrators."""
    return review["status"] == "approved" or (
        caller is not None and (caller.may(Permission.REVIEWS_MODERATE) or is_author(review, caller))
    )


def is_author(review: Document, caller: Caller) -> bool:
    """Whether the caller wrote the review."""
    return caller.user_id is not None and review["customer_id"] == caller.user_id


def may_reply(vendor_id: str | None, caller: Caller) -> bool:
    """Whether the caller is the product's vendor or an administrator."""
    return caller.may(Permission.REVIEWS_MODERATE) or (
        caller.may(Permission.REVIEWS_REPLY) and vendor_id is not None and vendor_id == caller.user_id
    )


def version_of(review: Document) -> int:
    """The version; reviews of before have none."""
    return int(review.get("version", 1))


def to_api(review: Document, caller: Caller | None = None) -> Document:
    """The review as `schemas.api.reviews.Review`, with the fields that the caller may read."""
    view = {
        "id": review["_id"],
        "product_id": review["product_id"],
        "author": {"name": review["author"]},
        **{name: review[name] for name in ("rating", "title", "text", "verified", "status", "helpful", "not_helpful")},
        "images": review["images"],
        "reply": review.get("reply"),
        "version": version_of(review),
        "created_at": _rfc3339(review["created_at"]),
        "updated_at": _rfc3339(review["updated_at"]),
    }
    if caller is not None and (caller.may(Permission.REVIEWS_MODERATE) or is_author(review, caller)):
        view["reason"] = review.get("reason")
    if caller is not None and caller.may(Permission.REVIEWS_MODERATE):
        view["reports"] = review["reports"]
    return view


def _rfc3339(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
