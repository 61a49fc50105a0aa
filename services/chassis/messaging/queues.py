"""Event queues: one durable quorum queue per consuming service, delay queues, and a dead-letter queue.

A message that must wait goes to a delay queue with its target's name as routing key; when its time is over the
broker sends it on by the default exchange, which knows queues by name. Levels are shared by all services.
"""

from typing import Any

from amqp.exceptions import NotFound
from kombu import Exchange, Queue

from services.chassis.runtime.registry import BRIDGE

NO_LIMIT = 2**31 - 1
QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": NO_LIMIT}
"""RabbitMQ 4 drops a message after 20 redeliveries by default, and each crash of a consumer is one. Its value for
"unlimited" is -1, which RabbitMQ 3 refuses.
"""
DELAY_PREFIX = "delay."
QUEUE_HEADER = "x-queue"
"""Header of a dead letter: the queue that it is replayed to, if that is not its service's event queue."""


class ExistingQueue(Queue):
    """A queue that is not redeclared with other arguments if it exists: an earlier version's may hold messages."""

    def queue_declare(self, nowait: bool = False, passive: bool = False, channel: Any = None) -> Any:
        there = is_there(self.name, channel or self.channel)
        return super().queue_declare(nowait, passive or there, channel)  # type: ignore[no-untyped-call]


def is_there(name: str, channel: Any) -> bool:
    """Whether the queue exists. Checked on a channel of its own, which the broker closes when it doesn't."""
    return _messages(name, channel) is not None


def depth(name: str, channel: Any) -> int:
    """The number of messages that wait in a queue; 0 when there is no such queue."""
    return _messages(name, channel) or 0


def _messages(name: str, channel: Any) -> int | None:
    with channel.connection.channel() as asking:
        try:
            return int(asking.queue_declare(name, passive=True).message_count)
        except NotFound:
            return None


def event_exchange(source: str) -> Exchange:
    """The exchange for the events of `source`, declared as Nameko declares it: stock handlers bind to the same.

    Built here so that the bridge, which is no service, needs neither Nameko nor eventlet. A test compares the two.
    """
    return Exchange(f"{source}.events", type="topic", durable=True, auto_delete=False, delivery_mode=2)


def event_queue(service: str) -> Queue:
    """The event queue of a service, bound to each (source, type) that it consumes."""
    return ExistingQueue(f"evt-{service}", bindings=set(), durable=True, queue_arguments=QUORUM)  # type: ignore[no-untyped-call]


def dead_queue(service: str) -> Queue:
    """The dead-letter queue of a service; `ultramarket dlq` lists, shows and replays its messages."""
    return ExistingQueue(f"evt-{service}.dead", durable=True, queue_arguments=QUORUM)  # type: ignore[no-untyped-call]


def bridge_queue(name: str = BRIDGE) -> Queue:
    """The queue with the events of all services for the bridge; one active consumer, in order.

    Declared by publishers as well as by the bridge, so that no event is published before the queue exists.
    """
    arguments = {
        **QUORUM,
        "x-single-active-consumer": True,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_queue(name).name,
    }
    return ExistingQueue(event_queue(name).name, durable=True, queue_arguments=arguments)  # type: ignore[no-untyped-call]


def make(queue: Queue, channel: Any) -> bool:
    """Declare a queue on an amqp channel; an existing one is left unchanged. True when it is new."""
    if is_there(queue.name, channel):
        return False
    arguments = queue.queue_arguments  # type: ignore[attr-defined]
    channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments=arguments)
    return True


def delay_queue(seconds: float) -> Queue:
    """Holds a message for `seconds`, then sends it to the queue that its routing key names."""
    name = f"{DELAY_PREFIX}{seconds:g}s"
    return Queue(
        name,
        exchange=Exchange(name, type="fanout", durable=True),
        durable=True,
        queue_arguments={
            "x-message-ttl": int(seconds * 1000),
            "x-dead-letter-exchange": "",
        },
    )
