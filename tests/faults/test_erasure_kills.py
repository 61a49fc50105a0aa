"""An erasure whose processes are killed within the second round goes on, and ends with nothing of the person left."""

import os
import signal
from typing import Any

import pytest

from tests.support.all_stores import places_of
from tests.support.instance import Instance
from tests.support.person import PASSWORD, Person, erasure_of, new_person
from tests.support.shop import Shop, eventually, persistently

CORE, PLATFORM = "orders", "users"
"""A service of each process: those of `core` reply to an erasure only while it runs, `users` counts the replies."""
REPLIES_OF_CORE = {"cart", "orders", "payments", "shipping"}
ROUNDS = 2
ATTEMPTS = 3
"""The second round begins soon after the first: a busy machine may stop the process too late."""


def progress(shop: Shop, person: Person) -> dict[str, Any]:
    persistently(lambda: shop.admin("GET", f"/users/{person.user_id}/erasure"))
    return erasure_of(shop, person)


@pytest.mark.timeout(900)
def test_erasure_ends_after_kills_between_two_replies(shop: Shop, instance: Instance) -> None:
    instance.wait_until_healthy()
    for _ in range(ATTEMPTS):
        person, replies = begin_and_stop_core(shop, instance)
        killed = instance.kill(PLATFORM)
        instance.kill(CORE)
        if replies & REPLIES_OF_CORE == set():
            break

    instance.wait_until_healthy()
    assert replies & REPLIES_OF_CORE == set(), "the second round has ended before it could be interrupted"
    assert instance.pid(PLATFORM) != killed
    assert eventually(lambda: progress(shop, person)["status"] == "completed")
    assert progress(shop, person)["round"] == ROUNDS
    assert eventually(lambda: places_of(person.values) == set(), every=1), places_of(person.values)


def begin_and_stop_core(shop: Shop, instance: Instance) -> tuple[Person, set[str]]:
    """Begin an erasure, and stop a process after its replies of the first round; the replies of the second round."""
    instance.wait_until_healthy()
    person, core = new_person(shop), instance.pid(CORE)
    assert core is not None
    assert person.client("DELETE", "/users/me", {"password": PASSWORD}).status == 202
    assert eventually(lambda: _first_round_is_done(shop, person))
    os.kill(core, signal.SIGSTOP)
    replies = eventually(lambda: _replies_of_second_round(shop, person))
    return person, replies


def _first_round_is_done(shop: Shop, person: Person) -> bool:
    erasure = erasure_of(shop, person)
    return erasure.get("round") == ROUNDS or set(erasure.get("services", [])) >= REPLIES_OF_CORE


def _replies_of_second_round(shop: Shop, person: Person) -> set[str]:
    """The services that have replied in the second round, once it is certain that some have not."""
    erasure = erasure_of(shop, person)
    return set(erasure["services"]) if erasure.get("round") == ROUNDS else set()
