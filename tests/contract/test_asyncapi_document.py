"""The AsyncAPI document: it covers every event, and what events name as their schema is served."""

import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway_flask.app import create_app
from gateway_flask.testing import FakeServices, settings
from kafka_bridge.bridge import EVENT_SOURCES
from schemas.events.orders import OrderStockReleased
from schemas.tools.export import every_event
from services.chassis.common import context
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.queues import event_exchange
from services.chassis.runtime.settings import shop_url

client = create_app(settings(), FakeServices()).test_client()
DOCUMENT: dict[str, Any] = client.get("/api/v1/asyncapi.json").get_json()
NAMES = {f"{event.source}.{event.type}" for event in every_event()}
TOPICS = {name: channel for name, channel in DOCUMENT["channels"].items() if "kafka" in channel["bindings"]}


def test_each_event_is_a_message_of_its_exchange() -> None:
    exchanges = {name: each for name, each in DOCUMENT["channels"].items() if "amqp" in each["bindings"]}

    of_exchanges = {message for each in exchanges.values() for message in each["messages"]}
    assert set(DOCUMENT["components"]["messages"]) == NAMES
    assert of_exchanges == {name for name in NAMES if not name.startswith("behaviour.")}
    for name, channel in exchanges.items():
        declared, exchange = channel["bindings"]["amqp"]["exchange"], event_exchange(name.removesuffix(".events"))
        assert (declared["name"], declared["type"]) == (exchange.name, exchange.type)
        assert (declared["durable"], declared["autoDelete"]) == (exchange.durable, exchange.auto_delete)


def test_topics_have_the_events_that_reach_kafka() -> None:
    """Kafka has the events that the bridge forwards, and behaviour, which analytics writes itself."""
    forwarded = {name for name in NAMES if name.partition(".")[0] in (*EVENT_SOURCES, "behaviour")}

    assert {message for topic in TOPICS.values() for message in topic["messages"]} == forwarded
    for event in every_event():
        name = f"{event.source}.{event.type}"
        topics = [topic for topic, channel in TOPICS.items() if name in channel["messages"]]
        assert topics == ([event.topic()] if name in forwarded else [])


def test_published_envelope_matches_its_message() -> None:
    context.enter({})
    message = envelope(OrderStockReleased(order_id="o-1"), sequence=3)
    described = DOCUMENT["components"]["messages"]["orders.order_stock_released"]

    validator = Draft202012Validator(described["payload"] | {"components": DOCUMENT["components"]})
    assert validator.is_valid(message)
    for change in ({"type": "order_placed"}, {"data": {}}, {"sequence": 3}):
        assert not validator.is_valid(copy.deepcopy(message) | change)


def test_schema_is_served_at_the_url_of_the_envelope() -> None:
    context.enter({})
    message = envelope(OrderStockReleased(order_id="o-1"))

    reply = client.get(message["dataschema"].removeprefix(shop_url()))

    assert (reply.status_code, reply.content_type) == (200, "application/schema+json")
    assert reply.get_json()["$id"] == message["dataschema"]
    Draft202012Validator(reply.get_json()).validate(message["data"])
    assert reply.headers["Cache-Control"] == "public, max-age=3600"
    again = client.get(
        "/schemas/events/orders/order_stock_released/v1", headers={"If-None-Match": reply.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_schema_of_the_envelope_is_served() -> None:
    schema = client.get("/schemas/events/envelope").get_json()

    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{shop_url()}/schemas/events/envelope"


@pytest.mark.parametrize(
    "path", ["orders/order_placed/v99", "orders/nothing/v1", "..%2f..%2fapi/orders/v1", "orders/v1"]
)
def test_unknown_schema_is_not_found(path: str) -> None:
    reply = client.get(f"/schemas/events/{path}")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (404, "NOT_FOUND")
