"""Throughput of analytics' aggregation over a year of events, and latency of its figures, in topics and a database of
its own.
"""

import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench import history
from schemas.api.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from schemas.events.base import OTHER_TOPIC, TOPICS
from services.analytics.consumer.rebuild import rebuild
from services.analytics.figures import customers, live, operations, sales, sessions
from services.analytics.figures.figure_context import FigureContext
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.datasets import active_dataset, connect
from services.chassis.common.kafka_options import options_of

PARTITIONS = 6
TIMES = 5


def measure(total: int, tell: Callable[[str], None] = lambda _text: None) -> dict[str, Any]:
    """Write so many events, count them by a rebuild, ask each figure over the year; seconds and rates."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    kafka, mongo_url = options_of(os.environ["ULTRAMARKET_KAFKA_URL"]), os.environ["ULTRAMARKET_MONGO_URL"]
    topics = {topic: f"{name}-{topic}" for topic in (*TOPICS.values(), OTHER_TOPIC)}
    admin, client = AdminClient(kafka), connect(mongo_url)
    for made in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics.values()]).values():
        made.result()
    try:
        tell(f"{total:,} events of a made-up year")
        write(total, kafka, topics)
        begun, used = time.monotonic(), time.process_time()
        rebuild(
            AnalyticsSettings(),
            lambda done, of: tell(f"counted {done:,} of {of:,}, {done / (time.monotonic() - begun):,.0f}/s"),
            database=name,
            topics=tuple(topics.values()),
        )
        seconds = time.monotonic() - begun
        tell("asking")
        return {
            "events": total,
            "seconds": round(seconds, 1),
            "per_second": round(total / seconds),
            "cpu_seconds_of_the_reader": round(time.process_time() - used, 1),
            "figures_over_a_year_ms": _ask(
                FigureContext(active_dataset(client[name], "UTC"), "USD", datetime.now(UTC))
            ),
        }
    finally:
        client.drop_database(name)
        client.close()
        admin.delete_topics(list(topics.values()))


def write(total: int, kafka: dict[str, Any], topics: dict[str, str]) -> None:
    """Write a history to these topics."""
    producer = Producer(kafka | {"linger.ms": 50, "compression.type": "lz4"})
    for event in history.events(total, datetime.now(UTC)):
        topic = topics[TOPICS.get(event["source"][1:], OTHER_TOPIC)]
        while True:
            try:
                producer.produce(topic, orjson.dumps(event), event["subject"])
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(60)


def _ask(context: FigureContext) -> dict[str, float]:
    """The middle of some times, in milliseconds."""
    today = datetime.now(UTC).date()
    year = {"from": (today - timedelta(days=364)).isoformat(), "to": today.isoformat()}
    period, currency = PeriodQuery.model_validate(year), CurrencyQuery.model_validate(year)
    figures: dict[str, Callable[[], Any]] = {
        "sales by day": lambda: sales.sales(context, SalesQuery.model_validate(year))
    }
    for group in ("product", "category", "vendor", "country", "customer"):
        query = SalesQuery.model_validate(year | {"interval": "month", "group_by": group})
        figures[f"sales by {group}"] = lambda query=query: sales.sales(context, query)  # type: ignore[misc]
    vendor = SalesQuery.model_validate(year | {"group_by": "product"})
    figures |= {
        "sales of a vendor by product": lambda: sales.sales(context, vendor, "vendor-1"),
        "a vendor's customers": lambda: customers.customers(context, currency, "vendor-1"),
        "a vendor's funnel": lambda: sessions.funnel(context, period, "vendor-1"),
        "a vendor's last hour": lambda: live.live(context, "vendor-1"),
        "top products": lambda: sales.top_products(context, TopQuery.model_validate(year)),
        "funnel": lambda: sessions.funnel(context, period),
        "customers": lambda: customers.customers(context, currency),
        "cohorts": lambda: customers.cohorts(context, CohortQuery()),
        "payments": lambda: operations.payments(context, currency),
        "delivery": lambda: operations.delivery(context, period),
        "stock": lambda: sales.stock(context, period),
        "abandoned carts": lambda: sessions.abandoned_carts(context, currency),
        "search": lambda: sessions.search(context, period),
        "live": lambda: live.live(context),
    }
    return {name: _middle(ask) for name, ask in figures.items()}


def _middle(ask: Callable[[], Any]) -> float:
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - begun))
    return round(sorted(times)[TIMES // 2], 1)
