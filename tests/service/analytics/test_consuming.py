"""The consumer on real Kafka and MongoDB: crashes, duplicates, rebalancing, rebuild."""

import random
import time
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from services.analytics.consumer.rebuild import Incomplete, rebuild
from tests.service.analytics.conftest import ConsumerEnvironment, figures, until
from tests.support.shop import eventually
from tests.unit.analytics.histories import History, aggregate, line

CUSTOMERS = ("ada", "grace", "mary")


def week_of_orders(orders: int = 60) -> list[dict[str, Any]]:
    rng = random.Random(7)
    history = History()
    for number in range(orders):
        order, session, user = f"o{number}", f"s{number}", rng.choice(CUSTOMERS)
        history.later(hours=2).track(session, "product_viewed", product_id="mug")
        history.track(session, "search_performed", query=f"mug {number % 5}", results=number % 3)
        history.track(session, "cart_added", product_id="mug", user_id=user)
        history.order(order, line("mug", 999, 1 + number % 3, f"v{number % 2}", tax=7), user=user, discount=number)
        history.payment(f"p{number}", "payment_authorized")
        if number % 4 == 0:
            history.refund(order, 100 + number)
        if number % 20 == 0:
            history.dispute(f"d{number}", amount=number)
            history.later(hours=1).dispute(f"d{number}", "won" if number else "lost", amount=number)
        history.publish("inventory", "stock_changed", "MUG", {"on_hand": 100 - number, "available": 90})
        if number == orders // 2:
            history.product("mug", "v0")  # events of earlier sessions refer to an unknown product
    return history.records


WEEK = week_of_orders()
EXPECTED = aggregate(WEEK).figures()["counters"]


def test_written_records_are_counted_once(environment: ConsumerEnvironment) -> None:
    environment.write(WEEK)

    environment.start_consumer()

    assert environment.wait()["counters"] == EXPECTED


def test_duplicates_and_reordering_change_nothing(environment: ConsumerEnvironment) -> None:
    shuffled = WEEK + random.Random(3).sample(WEEK, 100)
    random.Random(4).shuffle(shuffled)
    environment.write(shuffled)

    environment.start_consumer(analytics_batch=37)

    assert environment.wait()["counters"] == EXPECTED


def test_killed_consumer_resumes_without_loss(environment: ConsumerEnvironment) -> None:
    environment.write(WEEK)
    for part in (0.1, 0.4, 0.7):
        process = environment.spawn(batch=15)
        until(lambda part=part: environment.processed() >= part * environment.written_count)  # type: ignore[misc]
        time.sleep(random.random() / 20)
        process.kill()
        process.wait(60)

    environment.start_consumer()

    assert environment.wait()["counters"] == EXPECTED


def test_two_consumers_share_the_partitions(environment: ConsumerEnvironment) -> None:
    first = environment.start_consumer(analytics_batch=25)
    environment.write(WEEK[:100])
    second = environment.start_consumer(analytics_batch=25)
    assert eventually(lambda: first._position and second._position)

    environment.write(WEEK[100:])

    assert environment.wait()["counters"] == EXPECTED


def test_superseded_consumer_counts_nothing_twice(environment: ConsumerEnvironment) -> None:
    """A consumer with outdated offsets, which another one has advanced since."""
    environment.write(WEEK[:100])
    reader = environment.start_consumer()
    environment.wait()
    reader._position = dict.fromkeys(reader._position, 0)

    environment.write(WEEK[100:])

    assert environment.wait()["counters"] == EXPECTED


def test_unreadable_records_are_skipped(environment: ConsumerEnvironment) -> None:
    environment.write_raw(b"", b"{", b"[1]", b'{"source": "/orders", "type": "order_confirmed"}', b"\xff\x00")
    sale = next(record for record in WEEK if record["type"] == "order_confirmed")
    another = {"id": "another", "subject": "another order"}
    newer = {"dataschema": "/schemas/events/orders/order_confirmed/v2"}
    environment.write([sale | another | newer, sale | another | {"type": "order_forgotten"}])
    environment.write(WEEK)

    environment.start_consumer()

    assert environment.wait()["counters"] == EXPECTED


def test_rebuild_yields_same_figures_and_consumer_resumes(environment: ConsumerEnvironment) -> None:
    environment.write(WEEK[:-40])
    environment.start_consumer()
    before = environment.wait()
    environment.db["s1.counters"].update_many({}, {"$inc": {"g": 1}})  # marks the figures before the rebuild
    progress: list[tuple[int, int]] = []

    processed = rebuild(
        environment.settings(),
        lambda processed, total: progress.append((processed, total)),
        database=environment.name,
        topics=environment.topics,
    )

    assert processed == len(WEEK) - 40
    assert progress[-1] == (processed, processed)
    assert environment.dataset.name == "s2"
    assert figures(environment.dataset) == before
    assert [name for name in environment.db.list_collection_names() if name.startswith("s1.")] == []
    environment.write(WEEK[-40:])
    assert environment.wait()["counters"] == EXPECTED


def test_rebuild_is_refused_after_records_were_deleted(environment: ConsumerEnvironment) -> None:
    environment.write(WEEK)
    ends = {TopicPartition(topic, 0, 2) for topic in environment.topics[:1]}
    for deleted in environment._admin.delete_records(list(ends)).values():
        deleted.result()

    with pytest.raises(Incomplete):
        rebuild(environment.settings(), database=environment.name, topics=environment.topics)

    assert environment.dataset.name == "s1"


def test_days_follow_the_time_zone(environment: ConsumerEnvironment) -> None:
    environment.zone = "Asia/Kathmandu"  # 5:45 ahead
    environment.start_consumer()
    environment.write(WEEK)
    environment.wait()

    dataset = environment.dataset

    assert dataset.zone == "Asia/Kathmandu"
    starts = {name.split("|")[4][11:] for name in figures(dataset)["counters"] if "|d|" in name}
    assert starts == {"18:15"}
