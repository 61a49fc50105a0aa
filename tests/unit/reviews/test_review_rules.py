"""Rules for reviews: initial status, rating changes, votes, names and permissions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.api.reviews import ReviewRules
from schemas.caller import Caller
from services.reviews import domain

RULES = ReviewRules(blocked_words=["casino", "free money"])


@pytest.mark.parametrize(
    ("text", "verified", "status"),
    [
        ("Holds tea.", True, "approved"),
        ("Holds tea.", False, "pending"),
        ("See https://elsewhere.example", True, "pending"),
        ("See www.elsewhere", True, "pending"),
        ("Cheaper at elsewhere.com!", True, "pending"),
        ("Best CASINO in town", True, "pending"),
        ("Casinos are fun", True, "approved"),
        ("Free, money back", True, "pending"),
        ("It is free. Mostly money", True, "approved"),
        ("Weighs 1.5kg, costs 3.99. Nice", True, "approved"),
    ],
)
def test_initial_status_by_default_rules(text: str, verified: bool, status: str) -> None:
    initial, reason = domain.initial_status(RULES, text, verified)
    assert initial == status
    assert (reason is None) is (status == "approved")


def test_initial_status_by_custom_rules() -> None:
    assert domain.initial_status(ReviewRules(auto_approve=False), "Fine", True)[0] == "pending"
    permissive = ReviewRules(verified_only=False, no_links=False)
    assert domain.initial_status(permissive, "https://elsewhere.example", False)[0] == "approved"


REVIEW = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"status": st.sampled_from(["pending", "approved", "rejected"]), "rating": st.integers(1, 5)}
    ),
)


@given(st.lists(st.lists(REVIEW, min_size=1, max_size=6), max_size=8))
def test_rating_changes_add_up_to_recount(histories: list[list[dict[str, Any] | None]]) -> None:
    sums: dict[str, Any] = {"sum": 0, "count": 0, "stars": {}}
    for history in histories:
        for before, after in zip([None, *history], history, strict=False):
            for field, amount in domain.rating_change(before, after).items():
                if field.startswith("stars."):
                    star = field.removeprefix("stars.")
                    sums["stars"][star] = sums["stars"].get(star, 0) + amount
                else:
                    sums[field] += amount
    stars = [history[-1]["rating"] for history in histories if history[-1] and history[-1]["status"] == "approved"]
    rating = domain.rating(sums)
    assert rating["count"] == len(stars)
    assert rating["average"] == (round(sum(stars) / len(stars), 2) if stars else 0.0)
    assert rating["histogram"] == {str(star): stars.count(star) for star in range(1, 6)}


@given(st.lists(st.booleans(), max_size=10))
def test_vote_changes_count_each_voter_once(votes: list[bool]) -> None:
    counts = {"helpful": 0, "not_helpful": 0}
    before: bool | None = None
    for vote in votes:
        for name, amount in domain.vote_change(before, vote).items():
            counts[name] += amount
        before = vote
    assert sum(counts.values()) == (1 if votes else 0)
    if votes:
        assert counts["helpful" if votes[-1] else "not_helpful"] == 1


def test_public_name() -> None:
    assert domain.public_name("Ada Lovelace") == "Ada L."
    assert domain.public_name("Ada") == "Ada"
    assert domain.public_name(" Juan Carlos de Borbón ") == "Juan B."
    assert domain.public_name(None) == "A customer"


def test_pending_review_visibility() -> None:
    pending = {"status": "pending", "customer_id": "c"}
    assert domain.may_see(pending, Caller(user_id="c"))
    assert domain.may_see(pending, Caller(user_id="a", roles=["ADMIN"]))
    assert not domain.may_see(pending, Caller(user_id="d", roles=["VENDOR"]))
    assert not domain.may_see(pending, Caller())
    assert domain.may_see(pending | {"status": "approved"}, None)


def test_reply_permission() -> None:
    assert domain.may_reply("v", Caller(user_id="v", roles=["VENDOR"]))
    assert domain.may_reply(None, Caller(user_id="a", roles=["ADMIN"]))
    assert not domain.may_reply("w", Caller(user_id="v", roles=["VENDOR"]))
    assert not domain.may_reply(None, Caller(user_id="v", roles=["VENDOR"]))
    assert not domain.may_reply("c", Caller(user_id="c", roles=["CUSTOMER"]))
