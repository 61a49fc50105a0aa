"""Messages of the config service that can't be read: dropped and counted, and later ones are applied."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from schemas.events.config import FlagChanged, SettingChanged
from services.chassis.dynamic_config.state import State
from services.chassis.dynamic_config.subscriber import EXCHANGE, ConfigSubscriber
from services.chassis.messaging.envelopes import envelope
from services.chassis.observability.metrics import BROADCASTS_DROPPED

KEY = "inventory.low_stock_threshold"
DELIVERY = {"exchange": EXCHANGE, "routing_key": "setting_changed"}


def changed(value: int, revision: int, **fields: Any) -> bytes:
    return orjson.dumps(envelope(SettingChanged(key=KEY, value=value, revision=revision)) | fields)


def receive(subscriber: ConfigSubscriber, *bodies: bytes) -> None:
    for body in bodies:
        subscriber._on_message(SimpleNamespace(body=body, delivery_info=DELIVERY))  # type: ignore[arg-type]


def dropped(reason: str) -> float:
    return float(BROADCASTS_DROPPED.labels(EXCHANGE, reason)._value.get())


@pytest.fixture
def subscriber() -> ConfigSubscriber:
    return ConfigSubscriber(State(), "amqp://nobody")


UNREADABLE = [
    (b"not json", "not_json"),
    (b"\xff\xfe", "not_json"),
    (b"", "not_json"),
    (b"[1]", "malformed"),
    (b"null", "malformed"),
    (b"{}", "malformed"),
    (changed(9, 9, data=[]), "malformed"),
    (changed(9, 9, data={"key": 5, "value": 1, "revision": 1}), "malformed"),
    (changed(9, 9, dataschema="/schemas/events/config/setting_changed"), "malformed"),
    (changed(9, 9, type="setting_forgotten"), "unknown_type"),
    (changed(9, 9, dataschema="/schemas/events/config/setting_changed/v2"), "unknown_version"),
]


@pytest.mark.parametrize(("body", "reason"), UNREADABLE)
def test_unreadable_change_is_counted_and_next_is_applied(
    subscriber: ConfigSubscriber, body: bytes, reason: str
) -> None:
    before = dropped(reason)

    receive(subscriber, body, changed(3, 2))

    assert subscriber.state.value(KEY) == 3
    assert dropped(reason) == before + 1


def test_dropped_message_is_logged_once_per_reason(subscriber: ConfigSubscriber) -> None:
    with capture_logs() as logs:
        receive(subscriber, b"not json", b"{}", b"no json either", b"[]")

    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("broadcast_dropped", "not_json"),
        ("broadcast_dropped", "malformed"),
    ]


def test_change_with_an_added_field_is_applied(subscriber: ConfigSubscriber) -> None:
    data = {"key": KEY, "value": 4, "revision": 1, "added_later": True}

    receive(subscriber, changed(0, 0, data=data, extension="added"))

    assert subscriber.state.value(KEY) == 4


def test_newest_revision_wins_in_any_order(subscriber: ConfigSubscriber) -> None:
    flags = [
        orjson.dumps(envelope(FlagChanged(name="reviews", flag={"enabled": on, "default": True}, revision=revision)))
        for on, revision in ((False, 2), (True, 1))
    ]

    receive(subscriber, changed(7, 2), changed(9, 1), changed(7, 2), *flags)

    assert subscriber.state.value(KEY) == 7
    assert subscriber.state.flags["reviews"].enabled is False
