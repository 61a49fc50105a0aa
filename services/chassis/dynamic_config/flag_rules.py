"""Evaluation of feature flags: a pure function of flag, subject and time, the same in every process."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.api.config import FlagWrite, Rule

BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject that a flag is evaluated for. Rollouts go by `key`: the id of a user, visitor or cart."""

    key: str | None = None
    user: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    country: str | None = None
    vendor: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value, and why: `disabled`, `targeted`, `rollout`, `default`."""

    value: bool | str
    reason: str


def evaluate(name: str, flag: FlagWrite, subject: Subject, at: datetime) -> Outcome:
    """Evaluate a flag; `FlagWrite` has the order of precedence."""
    if not flag.enabled:
        return Outcome(flag.default if flag.variants else False, "disabled")
    for rule in flag.rules:
        if _fits(rule, subject, at):
            return Outcome(rule.serve, "targeted")
    if flag.rollout is not None and bucket(name, subject.key) >= flag.rollout * BUCKETS / 100:
        return Outcome(flag.default, "default")
    if flag.variants:
        return Outcome(_by_weight(flag.variants, bucket(f"{name}#variant", subject.key)), "rollout")
    return Outcome(flag.default if flag.rollout is None else True, "default" if flag.rollout is None else "rollout")


def bucket(name: str, key: str | None) -> int:
    """The rollout bucket of a subject, 0 to 9,999: stable, and independent for each flag."""
    digest = hashlib.sha256(f"{name}:{key or ''}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def _fits(rule: Rule, subject: Subject, at: datetime) -> bool:
    return (
        (rule.roles is None or bool(subject.roles.intersection(rule.roles)))
        and (rule.countries is None or subject.country in rule.countries)
        and (rule.users is None or subject.user in rule.users)
        and (rule.vendors is None or subject.vendor in rule.vendors)
        and (rule.from_ is None or at >= rule.from_)
        and (rule.to is None or at < rule.to)
    )


def _by_weight(variants: Mapping[str, int], place: int) -> str:
    total, reached = sum(variants.values()), 0
    for name, weight in sorted(variants.items()):
        reached += weight
        if place * total < reached * BUCKETS:
            return name
    raise AssertionError("a place is below the sum of all weights")


def parsed(definition: Mapping[str, Any]) -> FlagWrite:
    """Parse a stored flag, without the strict checks made when it was written."""
    return FlagWrite.model_validate(definition, strict=False)
