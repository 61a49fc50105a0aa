"""Prometheus metrics: durations and outcomes of calls and events, pool use, outbox lag, queue depth."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RPC_SECONDS = Histogram(
    "ultramarket_rpc_seconds", "Time to serve an RPC request", ["service", "method", "outcome"], buckets=_SECONDS
)
EVENT_SECONDS = Histogram(
    "ultramarket_event_seconds", "Time to handle an event", ["service", "type", "outcome"], buckets=_SECONDS
)
EVENTS_RETRIED = Counter("ultramarket_events_retried_total", "Events put off for another try", ["service", "type"])
EVENTS_DEAD = Counter("ultramarket_events_dead_total", "Events parked in the dead-letter queue", ["service", "type"])
BROADCASTS_DROPPED = Counter(
    "ultramarket_broadcasts_dropped_total",
    "Messages to every process that were dropped: not_json, malformed, unknown_type, unknown_version",
    ["exchange", "reason"],
)
EVENTS_PUBLISHED = Counter("ultramarket_events_published_total", "Events that the broker confirmed", ["service"])
OUTBOX_LAG = Gauge("ultramarket_outbox_lag_seconds", "Age of the oldest event not yet published", ["service"])
OUTBOX_LEADER = Gauge("ultramarket_outbox_leader", "1 where this process relays the service's events", ["service"])
BRIDGE_EXCLUDED = Gauge(
    "ultramarket_bridge_excluded", "1 while events wait in the service's store: the bridge's queue is full", ["service"]
)
POOL_USED = Gauge("ultramarket_pool_used", "Connections in use", ["service", "store"])
QUEUE_DEPTH = Gauge("ultramarket_queue_depth", "Messages waiting in a queue of ours", ["service", "queue"])
WORKERS_BUSY = Gauge("ultramarket_workers_busy", "Requests and events in work", ["service"])
HUB_LAG = Gauge("ultramarket_hub_lag_seconds", "Longest delay of the process's event loop in the last minute")
SERVICE_RESTARTS = Counter("ultramarket_service_restarts_total", "Restarts of a service in its process", ["service"])
