"""The AsyncAPI 3.0 document of the events: https://www.asyncapi.com/docs/reference/specification/v3.0.0.

A channel is an exchange of RabbitMQ or a topic of Kafka, a message an event: the envelope with its own type and data.
"""

from collections.abc import Iterable
from typing import Any, Final

from schemas.events.base import OTHER_TOPIC, TOPICS, Event
from schemas.tools.envelope import ENVELOPE

Document = dict[str, Any]
VERSION: Final = "1.0.0"
NOT_IN_KAFKA: Final = frozenset({"audit", "privacy"})
"""Sources whose events have personal data and stay in RabbitMQ (`kafka_bridge.bridge.EVENT_SOURCES`)."""
ONLY_IN_KAFKA: Final = frozenset({"behaviour"})
"""Sources whose events analytics writes to Kafka itself."""
ABOUT: Final = """\
Every event is a CloudEvent 1.0 in structured JSON, delivered at least once, in order per `subject`.

RabbitMQ: the exchange `SOURCE.events` of each service (type topic, the event's type is the routing key), which stock
Nameko event handlers bind to. Kafka: four topics; the record's key is the event's `subject`, and personal values are
replaced by pseudonyms. Webhooks deliver a part of the events over HTTP.
"""
_CONTENT: Final = "application/cloudevents+json"


def asyncapi(events: Iterable[type[Event]]) -> Document:
    """The document of these events."""
    events = sorted(events, key=lambda event: (event.source, event.type))
    by_exchange: dict[str, list[type[Event]]] = {}
    by_topic: dict[str, list[type[Event]]] = {topic: [] for topic in (*TOPICS.values(), OTHER_TOPIC)}
    for event in events:
        if event.source not in ONLY_IN_KAFKA:
            by_exchange.setdefault(event.source, []).append(event)
        if event.source not in NOT_IN_KAFKA:
            by_topic[event.topic()].append(event)
    channels = {f"{source}.events": _exchange(source, those) for source, those in by_exchange.items()}
    channels |= {topic: _topic(topic, those) for topic, those in by_topic.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "UltraMarket events",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": _CONTENT,
        "servers": {
            "rabbitmq": {"host": "rabbitmq:5672", "protocol": "amqp", "description": "RabbitMQ of the instance"},
            "kafka": {"host": "kafka:9092", "protocol": "kafka", "description": "Kafka of the instance"},
        },
        "channels": channels,
        "operations": {_operation_id(name): _operation(name, channel) for name, channel in channels.items()},
        "components": {
            "messages": {_name(event): _message(event) for event in events},
            "schemas": {"Envelope": _without_ids(ENVELOPE)} | {_name(event): _data(event) for event in events},
        },
    }


def _name(event: type[Event]) -> str:
    return f"{event.source}.{event.type}"


def _messages(events: list[type[Event]]) -> Document:
    return {_name(event): {"$ref": f"#/components/messages/{_name(event)}"} for event in events}


def _exchange(source: str, events: list[type[Event]]) -> Document:
    exchange = {"name": f"{source}.events", "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": f"{source}.events",
        "title": f"Events of {source} on RabbitMQ",
        "servers": [{"$ref": "#/servers/rabbitmq"}],
        "messages": _messages(events),
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }


def _topic(topic: str, events: list[type[Event]]) -> Document:
    return {
        "address": topic,
        "title": f"Kafka topic {topic}",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": _messages(events),
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _operation_id(channel: str) -> str:
    return f"publish-{channel.replace('.', '-')}"


def _operation(name: str, channel: Document) -> Document:
    reference = f"#/channels/{name}"
    return {
        "action": "send",
        "title": f"Publish to {name}",
        "channel": {"$ref": reference},
        "messages": [{"$ref": f"{reference}/messages/{message}"} for message in channel["messages"]],
    }


def _message(event: type[Event]) -> Document:
    own = {
        "type": {"const": event.type},
        "source": {"const": f"/{event.source}"},
        "data": {"$ref": f"#/components/schemas/{_name(event)}"},
    }
    about = " ".join((event.__doc__ or "").split())
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": about,
        "contentType": _CONTENT,
        "tags": [{"name": event.source}],
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"type": "object", "properties": own}]},
        "bindings": {
            **({} if event.source in ONLY_IN_KAFKA else {"amqp": _AMQP | {"messageType": event.type}}),
            **({} if event.source in NOT_IN_KAFKA else {"kafka": _RECORD}),
        },
        "x-dataschema": event.dataschema(),
    }


_AMQP: Final = {"bindingVersion": "0.3.0"}
_RECORD: Final = {"key": {"type": "string", "description": "The event's subject."}, "bindingVersion": "0.5.0"}


def _data(event: type[Event]) -> Document:
    reference = f"#/components/schemas/{_name(event)}/$defs/{{model}}"
    return event.model_json_schema(ref_template=reference)


def _without_ids(schema: Document) -> Document:
    return {name: value for name, value in schema.items() if name not in ("$id", "$schema")}
