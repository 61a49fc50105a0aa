"""CloudEvents 1.0 envelopes of events, with the request context."""

from datetime import UTC, datetime, timedelta, timezone

from jsonschema import Draft202012Validator

from schemas.events.base import sequence_text
from schemas.events.orders import OrderStockReleased
from schemas.tools.envelope import ENVELOPE
from services.chassis.common import context
from services.chassis.common.clock import rfc3339
from services.chassis.common.ids import is_id
from services.chassis.messaging.envelopes import envelope, exchange_of

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
EVENT = OrderStockReleased(order_id="o-1")


def test_envelope_is_a_cloud_event() -> None:
    context.enter({})

    message = envelope(EVENT, sequence=7, at=AT)

    assert is_id(message.pop("id"))
    assert message == {
        "specversion": "1.0",
        "source": "/orders",
        "type": "order_stock_released",
        "subject": "o-1",
        "time": "2026-01-31T12:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "http://127.0.0.1:3000/schemas/events/orders/order_stock_released/v1",
        "data": {"order_id": "o-1"},
        "sequence": "000000000007",
    }
    assert exchange_of(message) == "orders.events"


def test_envelope_carries_the_request_context() -> None:
    context.enter({"request_id": "r-1", "user_id": "u-1", "traceparent": "00-a-b-01", "deadline": 3})

    message = envelope(EVENT)
    context.enter({})

    assert (message["requestid"], message["userid"], message["traceparent"]) == ("r-1", "u-1", "00-a-b-01")
    assert "sequence" not in message
    assert "deadline" not in message


def test_parsed_event_has_its_envelope_metadata() -> None:
    context.enter({"request_id": "r-1"})
    message = envelope(EVENT, sequence=7, at=AT) | {"somebodys": "extension"}
    context.enter({})

    event = OrderStockReleased.from_envelope(message)

    assert event.model_dump() == EVENT.model_dump()
    assert (event.meta.id, event.meta.sequence, event.meta.time, event.meta.request_id) == (message["id"], 7, AT, "r-1")


def test_numeric_sequence_of_earlier_releases_is_read() -> None:
    context.enter({})
    message = envelope(EVENT, sequence=7)

    assert OrderStockReleased.from_envelope(message | {"sequence": 7}).meta.sequence == 7


def test_sequences_are_ordered_as_strings() -> None:
    assert sequence_text(9) < sequence_text(10) < sequence_text(2**31)


def test_envelope_matches_its_schema() -> None:
    context.enter({"request_id": "r-1", "user_id": "u-1", "traceparent": "00-a-b-01"})
    messages = [envelope(EVENT, sequence=7), envelope(EVENT)]
    context.enter({})

    validator = Draft202012Validator(ENVELOPE, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for message in messages for error in validator.iter_errors(message)] == []
    refused = messages[0] | {"sequence": 7, "dataschema": "/schemas", "unknown_field": "x"}
    assert {error.json_path for error in validator.iter_errors(refused)} == {"$", "$.sequence", "$.dataschema"}


def test_times_are_written_in_utc() -> None:
    other_zone = datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1)))

    assert rfc3339(other_zone) == "2026-01-31T12:00:00Z"
