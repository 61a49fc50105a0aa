"""Cancellation at every moment of an order: it is fully compensated, or refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.events import orders as events
from schemas.events.payments import PaymentRefunded, PaymentRefundFailed
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, InvalidState
from services.chassis.common.ids import new_id
from services.orders.domain import saga
from tests.service.orders.conftest import ADMIN, Shop, run_concurrently
from tests.support.fake_services import AUTHENTICATION_CARD
from tests.support.orders import check_settled
from tests.support.shop import eventually


def cancel_latest(shop: Shop) -> None:
    shop.cancel(order_id=shop.ids()[-1], caller=ADMIN, reason="changed my mind")


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", ["cancel_before", "cancel_after"])
@pytest.mark.parametrize(
    ("dependency", "number", "at_once"),
    [("to_inventory", 0, True), ("to_payments", 0, True), ("to_payments", 1, False)],
)
def test_cancellation_during_a_step_compensates_that_step(
    shop: Shop, dependency: str, number: int, at_once: bool, fault: str
) -> None:
    shop.capture_at_once(at_once)
    client = getattr(shop, dependency)
    client.faults, client.concurrent_action = ["none"] * number + [fault], lambda: cancel_latest(shop)

    reply = shop.order()
    shop.resume()

    order = shop.now(reply["id"])
    assert order.status == "cancelled"
    check_settled(order, shop.inventory, shop.payments)
    assert shop.inventory.stock == {"MUG": 10}


@pytest.mark.parametrize("card", ["pm_card_visa", AUTHENTICATION_CARD])
def test_cancelled_order_is_refunded_and_restocked(shop: Shop, card: str) -> None:
    run_concurrently(1, lambda _: shop.order(card))
    [order_id] = shop.ids()
    paid = shop.payments.charged(shop.now(order_id).placed.payment_id)

    order = shop.cancel(order_id=order_id, caller=ADMIN, reason="changed my mind")

    assert (order["status"], order["timeline"][-1]["reason"]) == ("cancelled", "changed my mind")
    assert order["payment"]["status"] == ("refunded" if paid else "voided")
    check_settled(shop.now(order_id), shop.inventory, shop.payments)
    assert shop.events(order_id)[-1].refunded == paid  # type: ignore[attr-defined]


def test_repeated_cancellation_changes_nothing(shop: Shop) -> None:
    order_id = shop.order()["id"]

    replies = run_concurrently(8, lambda _: shop.cancel(order_id=order_id, caller=ADMIN))

    assert {reply["status"] for reply in replies} == {"cancelled"}
    types = [event.type for event in shop.events(order_id)]
    assert types.count("order_cancellation_requested") == types.count("order_cancelled") == 1


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", ["down", "lost", "late", "dies_before", "dies_after"])
@pytest.mark.parametrize("dependency", ["to_inventory", "to_payments"])
def test_interrupted_compensation_is_finished_by_other_process(shop: Shop, dependency: str, fault: str) -> None:
    order_id = shop.order()["id"]
    getattr(shop, dependency).faults = [fault]

    try:
        shop.cancel(order_id=order_id, caller=ADMIN)
    except Exception:
        assert fault.startswith("dies")
    shop.resume()

    assert shop.now(order_id).status == "cancelled"
    check_settled(shop.now(order_id), shop.inventory, shop.payments)


def test_cancel_replies_the_end_that_another_process_reached(shop: Shop) -> None:
    reply = shop.order()
    shop.to_payments.faults = ["down"]

    def resume_later() -> None:
        assert eventually(lambda: saga.next_step(shop.now(reply["id"])) is not None)
        shop.resume()

    with ThreadPoolExecutor(1) as pool:
        resumed = pool.submit(resume_later)
        cancelled = shop.cancel(order_id=reply["id"], caller=ADMIN, reason="changed my mind")
        resumed.result()

    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "refunded")


def test_concurrent_ship_and_cancel_end_in_one_of_them(shop: Shop) -> None:
    for _ in range(8):
        order_id = shop.order()["id"]

        def ship_or_cancel(index: int, order_id: str = order_id) -> str:
            if index:
                return str(shop.cancel(order_id=order_id, caller=ADMIN)["status"])
            return str(shop.set_status(order_id=order_id, status="shipped", caller=ADMIN)["status"])

        shipped, cancelled = run_concurrently(2, ship_or_cancel)

        assert (shipped, cancelled) in [("shipped", "INVALID_STATE"), ("INVALID_STATE", "cancelled")]
        assert shop.now(order_id).status in (shipped, cancelled)


def test_manual_refunds_are_shown_in_any_event_order(shop: Shop) -> None:
    order = shop.order()
    shop.payments.refunded_by_hand(order["payment"]["id"], 900)
    for refunded in (900, 300, 900):
        shop.service.payment_was_refunded(_refund(order, refunded))

    reply = shop.get_order(order_id=order["id"], caller=ADMIN)
    assert reply["payment"]["status"] == "partially_refunded"
    assert _recorded_refunds(shop, order) == [900]
    shop.payments.refunded_by_hand(order["payment"]["id"], 1500)
    shop.service.payment_was_refunded(_refund(order, 1500))
    assert shop.get_order(order_id=order["id"], caller=ADMIN)["payment"]["status"] == "refunded"


@pytest.mark.parametrize("happened", [("refunded", "failed"), ("failed", "refunded"), ("failed", "failed", "refunded")])
def test_refund_that_came_back_is_none_in_any_event_order(shop: Shop, happened: tuple[str, ...]) -> None:
    order = shop.order()
    shop.payments.refunded_by_hand(order["payment"]["id"], 0)  # after a refund of 900 that came back

    for name in happened:
        if name == "refunded":
            shop.service.payment_was_refunded(_refund(order, 900))
        else:
            shop.service.refund_has_failed(_failed_refund(order))

    assert shop.now(order["id"]).refunded == 0
    assert shop.get_order(order_id=order["id"], caller=ADMIN)["payment"]["status"] == "captured"


def test_refund_that_comes_back_meanwhile_is_none(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refund comes back, and that event is handled, between reading the payment and recording the refund."""
    order = shop.order()
    shop.payments.refunded_by_hand(order["payment"]["id"], 900)
    append = shop.store.append

    def come_back_first(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(shop.store, "append", append)
        shop.payments.refunded_by_hand(order["payment"]["id"], 0)
        shop.service.refund_has_failed(_failed_refund(order))
        return append(*args, **kwargs)

    monkeypatch.setattr(shop.store, "append", come_back_first)
    shop.service.payment_was_refunded(_refund(order, 900))

    assert shop.now(order["id"]).refunded == 0
    assert _recorded_refunds(shop, order) == [900, 0]


def test_refund_event_of_a_cancellation_changes_nothing(shop: Shop) -> None:
    order = shop.order()
    shop.cancel(order_id=order["id"], caller=ADMIN)
    before = shop.now(order["id"])

    shop.service.payment_was_refunded(_refund(order, 1500))

    assert shop.now(order["id"]) == before


def _recorded_refunds(shop: Shop, order: dict[str, Any]) -> list[int]:
    events: list[Any] = [event for event in shop.events(order["id"]) if event.type == "order_payment_refunded"]
    return [event.refunded for event in events]


def _refund(order: dict[str, Any], refunded: int) -> PaymentRefunded:
    return PaymentRefunded(**_refund_fields(order), refund=refunded, refunded=refunded)


def _failed_refund(order: dict[str, Any]) -> PaymentRefundFailed:
    return PaymentRefundFailed(**_refund_fields(order), refund=900, refunded=0)


def _refund_fields(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "payment_id": order["payment"]["id"],
        "order_id": order["id"],
        "refund_id": new_id(),
        "amount": order["total"]["amount"],
        "currency": "USD",
        "provider": "sandbox",
    }


def test_failed_order_cannot_be_cancelled(shop: Shop) -> None:
    shop.inventory.stock = {"MUG": 0}
    with pytest.raises(DomainError):
        shop.order()
    [failed] = shop.ids()

    with pytest.raises(InvalidState):
        shop.cancel(order_id=failed, caller=ADMIN)


def test_order_failing_during_cancel_is_compensated_once(shop: Shop) -> None:
    """The cancellation is recorded after the step was refused and before the refusal is recorded."""
    shop.to_inventory.faults = ["down"]
    order_id = shop.order()["id"]
    stored = shop.store.read(order_id)
    request = events.OrderCancellationRequested(order_id=order_id, requested_by="guest", reason=None)
    shop.store.append(stored, [request], clock.now())
    shop.inventory.stock = {"MUG": 0, "REST": 10}

    shop.service._checkout().drive(stored, until=float("inf"))
    shop.resume()

    assert shop.now(order_id).status == "cancelled"
    assert shop.inventory.state(order_id) == "released"
