"""Prometheus metrics of the bridge."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("ultramarket_bridge_records_total", "Records confirmed by Kafka", ["topic"])
DEAD = Counter("ultramarket_bridge_dead_total", "Messages that were dead-lettered")
IN_FLIGHT = Gauge("ultramarket_bridge_in_flight", "Events produced and not confirmed yet")
LAG_SECONDS = Histogram(
    "ultramarket_bridge_lag_seconds",
    "Time from the event to Kafka's confirmation, in seconds",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
)
