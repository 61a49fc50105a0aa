"""Kafka records of events: CloudEvents in structured content mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""


def record_headers() -> list[tuple[str, str | bytes | None]]:
    """The headers of a record whose value is a CloudEvents envelope in JSON. A new list: the producer keeps it."""
    return [("content-type", b"application/cloudevents+json; charset=UTF-8")]
