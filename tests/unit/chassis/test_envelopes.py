"""Events in CloudEvents 1.0 envelopes, with the request that they come from."""

from datetime import UTC, datetime, timedelta, timezone

from schemas.events.orders import OrderStockReleased
from services.chassis.common import context
from services.chassis.common.clock import rfc3339
from services.chassis.common.ids import is_id
from services.chassis.messaging.envelopes import envelope, exchange_of

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
EVENT = OrderStockReleased(order_id="o-1")


def test_an_envelope_is_a_cloud_event() -> None:
    context.enter({})

    wrapped = envelope(EVENT, sequence=7, at=AT)

    assert is_id(wrapped.pop("id"))
    assert wrapped == {
        "specversion": "1.0",
        "source": "/orders",
        "type": "order_stock_released",
        "subject": "o-1",
        "time": "2026-01-31T12:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/events/orders/order_stock_released/v1",
        "data": {"order_id": "o-1"},
        "sequence": 7,
    }
    assert exchange_of(wrapped) == "orders.events"


def test_the_request_goes_along() -> None:
    context.enter({"request_id": "r-1", "user_id": "u-1", "traceparent": "00-a-b-01", "deadline": 3})

    wrapped = envelope(EVENT)
    context.enter({})

    assert (wrapped["requestid"], wrapped["userid"], wrapped["traceparent"]) == ("r-1", "u-1", "00-a-b-01")
    assert "sequence" not in wrapped
    assert "deadline" not in wrapped


def test_an_event_that_comes_back_knows_its_envelope() -> None:
    context.enter({"request_id": "r-1"})
    wrapped = envelope(EVENT, sequence=7, at=AT) | {"somebodys": "extension"}
    context.enter({})

    event = OrderStockReleased.from_envelope(wrapped)

    assert event.model_dump() == EVENT.model_dump()
    assert (event.meta.id, event.meta.sequence, event.meta.time, event.meta.request_id) == (wrapped["id"], 7, AT, "r-1")


def test_times_are_written_in_utc() -> None:
    there = datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1)))

    assert rfc3339(there) == "2026-01-31T12:00:00Z"
