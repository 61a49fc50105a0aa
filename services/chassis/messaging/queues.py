"""The queues of the events: one durable quorum queue per listening service, delays, and a dead-letter queue.

A message that must wait goes to a delay queue with its target's name as routing key; when its time is over the
broker sends it on by the default exchange, which knows queues by name. Levels are shared by all services.
"""

from typing import Any

from amqp.exceptions import NotFound
from kombu import Exchange, Queue

from services.chassis.runtime.registry import BRIDGE

NO_LIMIT = 2**31 - 1
QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": NO_LIMIT}
"""RabbitMQ 4 drops what came back twenty times, and a message comes back whenever its reader dies: a service whose
database is away for a minute. It says "never" as -1, which RabbitMQ 3 refuses.
"""
DELAY_PREFIX = "delay."


class KeptQueue(Queue):
    """A queue that stays as it was made: one of an earlier version may have other arguments, and messages in it."""

    def queue_declare(self, nowait: bool = False, passive: bool = False, channel: Any = None) -> Any:
        there = is_there(self.name, channel or self.channel)
        return super().queue_declare(nowait, passive or there, channel)  # type: ignore[no-untyped-call]


def is_there(name: str, channel: Any) -> bool:
    """Whether the broker has this queue. Asked on a channel of its own: the broker closes it for a "no"."""
    with channel.connection.channel() as asking:
        try:
            asking.queue_declare(name, passive=True)
        except NotFound:
            return False
    return True


def event_exchange(source: str) -> Exchange:
    """The exchange for the events of `source`, declared as Nameko declares it: stock handlers bind to the same.

    Built here so that the bridge, which is no service, needs neither Nameko nor eventlet. A test compares the two.
    """
    return Exchange(f"{source}.events", type="topic", durable=True, auto_delete=False, delivery_mode=2)


def intake_queue(service: str) -> Queue:
    """Where a service's events wait for it. Bound to each (source, type) that it listens to."""
    return KeptQueue(f"evt-{service}", bindings=set(), durable=True, queue_arguments=QUORUM)  # type: ignore[no-untyped-call]


def dead_queue(service: str) -> Queue:
    """Where events end that could not be handled; `ultramarket dlq` lists, shows and replays them."""
    return KeptQueue(f"evt-{service}.dead", durable=True, queue_arguments=QUORUM)  # type: ignore[no-untyped-call]


def bridge_queue(name: str = BRIDGE) -> Queue:
    """Where the bridge finds the events of all services, one bridge at a time, in order.

    Whoever publishes makes it, so that nothing is said before the bridge has an ear for it; so does the bridge.
    """
    arguments = {
        **QUORUM,
        "x-single-active-consumer": True,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_queue(name).name,
    }
    return KeptQueue(intake_queue(name).name, durable=True, queue_arguments=arguments)  # type: ignore[no-untyped-call]


def make(queue: Queue, channel: Any) -> None:
    """Declare a queue on an amqp channel. One that is there stays as it was made."""
    if not is_there(queue.name, channel):
        arguments = queue.queue_arguments  # type: ignore[attr-defined]
        channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments=arguments)


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
