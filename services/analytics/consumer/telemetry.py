"""Prometheus metrics of the consumer."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "ultramarket_analytics_records_total",
    "Records read: counted, ignored (nothing to count), malformed, unknown_version",
    ["topic", "outcome"],
)
LAG = Gauge("ultramarket_analytics_lag", "Records of a partition that are not processed yet", ["topic", "partition"])
BEHIND_SECONDS = Gauge("ultramarket_analytics_behind_seconds", "Age of the newest event of the last batch, in seconds")
BATCH_SECONDS = Histogram(
    "ultramarket_analytics_batch_seconds",
    "Time to write a batch, in seconds",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
