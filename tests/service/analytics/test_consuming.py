"""The same figures whatever happens: on the real Kafka and MongoDB."""

import random
import time
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from services.analytics.consumer.rebuild import Incomplete, rebuild
from tests.service.analytics.conftest import Place, figures, until
from tests.support.shop import eventually
from tests.unit.analytics.histories import History, counted, line

CUSTOMERS = ("ada", "grace", "mary")


def a_week(orders: int = 60) -> list[dict[str, Any]]:
    chance = random.Random(7)
    history = History()
    for number in range(orders):
        order, session, user = f"o{number}", f"s{number}", chance.choice(CUSTOMERS)
        history.later(hours=2).visit(session, "product_viewed", product_id="mug")
        history.visit(session, "search_performed", query=f"mug {number % 5}", results=number % 3)
        history.visit(session, "cart_added", product_id="mug", user_id=user)
        history.order(order, line("mug", 999, 1 + number % 3, f"v{number % 2}", tax=7), user=user, discount=number)
        history.payment(f"p{number}", "payment_authorized")
        if number % 4 == 0:
            history.refund(order, 100 + number)
        history.say("inventory", "stock_changed", "MUG", {"on_hand": 100 - number, "available": 90})
        if number == orders // 2:
            history.product("mug", "v0")  # visits before it wait to hear whose it is
    return history.records


WEEK = a_week()
EXPECTED = counted(WEEK).figures()["counters"]


def test_what_was_written_is_counted_once(place: Place) -> None:
    place.write(WEEK)

    place.read()

    assert place.wait()["counters"] == EXPECTED


def test_doubled_and_out_of_order_is_the_same(place: Place) -> None:
    shuffled = WEEK + random.Random(3).sample(WEEK, 100)
    random.Random(4).shuffle(shuffled)
    place.write(shuffled)

    place.read(analytics_batch=37)

    assert place.wait()["counters"] == EXPECTED


def test_killed_between_any_two_batches_and_started_again(place: Place) -> None:
    place.write(WEEK)
    for part in (0.1, 0.4, 0.7):
        process = place.spawn(batch=15)
        until(lambda part=part: place.counted() >= part * place.sent)  # type: ignore[misc]
        time.sleep(random.random() / 20)
        process.kill()
        process.wait(60)

    place.read()

    assert place.wait()["counters"] == EXPECTED


def test_two_consumers_share_the_partitions(place: Place) -> None:
    first = place.read(analytics_batch=25)
    place.write(WEEK[:100])
    second = place.read(analytics_batch=25)
    assert eventually(lambda: first._position and second._position)

    place.write(WEEK[100:])

    assert place.wait()["counters"] == EXPECTED


def test_who_was_replaced_counts_nothing_twice(place: Place) -> None:
    """A process that thinks to stand where another has gone on from long ago."""
    place.write(WEEK[:100])
    reader = place.read()
    place.wait()
    reader._position = dict.fromkeys(reader._position, 0)

    place.write(WEEK[100:])

    assert place.wait()["counters"] == EXPECTED


def test_the_unreadable_is_counted_as_such_and_skipped(place: Place) -> None:
    place.write_raw(b"", b"{", b"[1]", b'{"source": "/orders", "type": "order_confirmed"}', b"\xff\x00")
    place.write(WEEK)

    place.read()

    assert place.wait()["counters"] == EXPECTED


def test_a_rebuild_comes_to_the_same_figures_and_the_consumer_goes_on(place: Place) -> None:
    place.write(WEEK[:-40])
    place.read()
    before = place.wait()
    place.db["s1.counters"].update_many({}, {"$inc": {"g": 1}})  # so that the new figures can be told from the old
    told: list[tuple[int, int]] = []

    done = rebuild(
        place.settings(), lambda done, total: told.append((done, total)), database=place.name, topics=place.topics
    )

    assert done == len(WEEK) - 40
    assert told[-1] == (done, done)
    assert place.book.name == "s2"
    assert figures(place.book) == before
    assert [name for name in place.db.list_collection_names() if name.startswith("s1.")] == []
    place.write(WEEK[-40:])
    assert place.wait()["counters"] == EXPECTED


def test_a_rebuild_that_would_lose_old_figures_is_refused(place: Place) -> None:
    place.write(WEEK)
    ends = {TopicPartition(topic, 0, 2) for topic in place.topics[:1]}
    for deleted in place._admin.delete_records(list(ends)).values():
        deleted.result()

    with pytest.raises(Incomplete):
        rebuild(place.settings(), database=place.name, topics=place.topics)

    assert place.book.name == "s1"


def test_figures_are_counted_in_the_shops_days(place: Place) -> None:
    place.zone = "Asia/Kathmandu"  # 5:45 ahead
    place.read()
    place.write(WEEK)
    place.wait()

    book = place.book

    assert book.zone == "Asia/Kathmandu"
    starts = {name.split("|")[4][11:] for name in figures(book)["counters"] if "|d|" in name}
    assert starts == {"18:15"}
