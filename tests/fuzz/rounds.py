"""The order of a run: walks, chains and GraphQL documents, again and again with other requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from tests.fuzz import chains, graphql
from tests.fuzz.run import Fuzz
from tests.fuzz.tally import Tally
from tests.support.shop import Shop

SCENARIOS: Final = 8
"""Chains of a role in a round."""
DOCUMENTS: Final = 25
"""GraphQL documents of a role in a round."""


@dataclass(frozen=True)
class Plan:
    """The requests of a run."""

    shop: Shop
    roles: tuple[str, ...]
    names: set[str]
    invalid: float
    foreign: float
    seed: int
    walks_only: bool = False


def rounds(plan: Plan, tally: Tally) -> Iterator[str]:
    """Run without an end; yields a description of each step."""
    for number in count(1):
        seed = plan.seed + number - 1
        fuzz = Fuzz(plan.shop, seed, tally)
        fuzz.prepare()
        for step in fuzz.round(plan.roles, plan.names, plan.invalid, everything=True, foreign=plan.foreign):
            yield f"round {number}, {step}"
        for role in () if plan.walks_only else plan.roles:
            yield f"round {number}, {role} chains"
            chains.run(plan.shop, role, tally, seed, SCENARIOS)
            yield f"round {number}, {role} GraphQL"
            graphql.run(plan.shop, role, fuzz.shared, tally, seed, DOCUMENTS)
