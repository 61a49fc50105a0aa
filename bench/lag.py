"""Latency from an event's commit to its record in Kafka, read from the records.

The event's time is taken as its transaction is about to commit; the record's timestamp is when the bridge handed it to
its producer, so the time until Kafka's confirmation (linger and a write) is added by waiting for the record here.
"""

import os
import threading
import time
import uuid
from datetime import datetime

import orjson
from confluent_kafka import Consumer, TopicPartition

TOPIC = "order-events"


class LagMeter:
    """Reads the topic's end while a load runs; milliseconds of each event that came by."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": os.environ["ULTRAMARKET_KAFKA_BOOTSTRAP"],
                "group.id": f"bench-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 500,
            }
        )
        partitions = self._consumer.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions
        ends = [
            TopicPartition(TOPIC, number, self._consumer.get_watermark_offsets(TopicPartition(TOPIC, number))[1])
            for number in partitions
        ]
        self._consumer.assign(ends)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> list[float]:
        """Let what is still on its way arrive, then stop."""
        time.sleep(1)
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        return sorted(self.milliseconds)

    def _read(self) -> None:
        while not self._stop.is_set():
            for record in self._consumer.consume(100, timeout=0.05):
                if record.error() is None:
                    lags = datetime.fromisoformat(orjson.loads(record.value() or b"")["time"]).timestamp()
                    self.milliseconds.append(1000 * (time.time() - lags))
