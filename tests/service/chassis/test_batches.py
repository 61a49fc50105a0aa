"""Events by the batch: together when many come, soon when few come, and one bad one holds up no other."""

import pytest

from services.chassis.common.ids import new_id
from tests.service.chassis.conftest import Actor, Stage, stock_released
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def gatherer(stage: Stage) -> Actor:
    return stage.start("gatherer", ULTRAMARKET_EVENT_RETRY_SECONDS="[0.1, 0.2]")


def batches(stage: Stage, gatherer: Actor, subjects: set[str]) -> list[list[str]]:
    found = [mark.split() for mark in stage.marks(gatherer)]
    return [batch for batch in found if subjects & set(batch)]


def test_many_are_handled_together_and_each_once(stage: Stage, gatherer: Actor) -> None:
    subjects = [new_id() for _ in range(120)]

    for subject in subjects:
        stage.rabbit.publish(stock_released(subject), gatherer.queue)

    wanted = set(subjects)
    assert eventually(lambda: sum(map(len, batches(stage, gatherer, wanted))) == 120)
    together = batches(stage, gatherer, wanted)
    assert sorted(subject for batch in together for subject in batch) == sorted(subjects)
    assert max(map(len, together)) <= 50
    assert len(together) < 60
    assert eventually(lambda: stage.rabbit.depth(gatherer.queue) == 0)


def test_one_alone_does_not_wait_for_others(stage: Stage, gatherer: Actor) -> None:
    subject = new_id()

    stage.rabbit.publish(stock_released(subject), gatherer.queue)

    assert eventually(lambda: batches(stage, gatherer, {subject}) == [[subject]])


def test_a_bad_one_is_parked_and_the_others_are_handled(stage: Stage, gatherer: Actor) -> None:
    good, bad = [new_id() for _ in range(10)], new_id()
    stage.redis.sadd(f"bad:{gatherer.name}", bad)

    for subject in (*good[:5], bad, *good[5:]):
        stage.rabbit.publish(stock_released(subject), gatherer.queue)

    assert eventually(lambda: sum(map(len, batches(stage, gatherer, set(good)))) == 10)
    dead = stage.rabbit.wait_for(f"{gatherer.queue}.dead")
    assert dead is not None
    assert bad in str(dead.body)
    assert batches(stage, gatherer, {bad}) == []


def test_unhandled_events_of_killed_process_are_redelivered(stage: Stage) -> None:
    first = stage.start("gatherer")
    subjects = [new_id() for _ in range(30)]
    for subject in subjects:
        stage.rabbit.publish(stock_released(subject), first.queue)
    first.kill()
    first.process.wait(60)

    again = stage.start("gatherer", name=first.name)

    assert eventually(
        lambda: {one for batch in batches(stage, again, set(subjects)) for one in batch} == set(subjects), 15
    )


@pytest.mark.parametrize("start", range(3))  # the order in which a process's consumers begin is a matter of chance
def test_service_with_rpc_receives_whole_batches(stage: Stage, start: int) -> None:
    first = stage.start("gatherer")
    first.kill()
    first.process.wait(60)
    subjects = [new_id() for _ in range(120)]
    for subject in subjects:
        stage.rabbit.publish(stock_released(subject), first.queue)

    again = stage.start("gatherer", name=first.name)

    wanted = set(subjects)
    assert eventually(lambda: sum(map(len, batches(stage, again, wanted))) == 120)
    assert max(map(len, batches(stage, again, wanted))) == 50
