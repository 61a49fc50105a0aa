"""The RPC methods of payments through their contract, and webhooks of providers."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import text

from schemas.api.payments import Authorisation
from schemas.api.payments import Payment as PaymentReply
from services.chassis.common.errors import NotFound, Unauthenticated, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature, jsonable
from services.payments.providers.installed import Installed
from services.payments.providers.sandbox import SIGNATURE_HEADER
from services.payments.service import ABANDONED_AFTER, PaymentsService
from tests.service.payments.conftest import CrashingStore, Shop, run_concurrently

ADMIN = {"user_id": new_id(), "roles": ["ADMIN"]}


@pytest.fixture
def call(payment_store: CrashingStore, shop: Shop) -> Any:
    service = worker_factory(PaymentsService, store=payment_store, providers=Installed({"sandbox": shop.sandbox}))

    def rpc(method: str, **kwargs: Any) -> Any:
        contract = Signature(getattr(PaymentsService, method))
        return jsonable(getattr(service, method)(*contract.arguments([], kwargs)))

    rpc.service = service  # type: ignore[attr-defined]
    return rpc


def webhook(shop: Shop, message: Any, signature: str | None = None) -> dict[str, Any]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    headers = {SIGNATURE_HEADER: shop.sandbox.sign(body) if signature is None else signature}
    return {"provider": "sandbox", "body": base64.b64encode(body).decode(), "headers": headers}


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def test_payment_from_authorisation_to_full_refund(call: Any, shop: Shop) -> None:
    command = shop.command().model_dump()
    payment_id = command["payment_id"]

    Authorisation.model_validate(call("authorise", **command))
    assert call("status_of", payment_id=payment_id)["status"] == "authorized"
    assert call("capture", payment_id=payment_id) == {
        "id": payment_id,
        "status": "captured",
        "captured": 1000,
        "refunded": 0,
    }
    assert call("capture_payment", payment_id=payment_id, caller=ADMIN)["captured"] == money(1000)
    key = {"owner": "user:admin", "key": "k1", "fingerprint": "f"}
    for _ in range(2):
        refunded = call(
            "refund", payment_id=payment_id, amount=money(400), reason="dented", idempotency=key, caller=ADMIN
        )
    PaymentReply.model_validate(refunded)
    assert (refunded["status"], refunded["refunded"]) == ("partially_refunded", money(400))
    assert [(refund["amount"], refund["reason"]) for refund in refunded["refunds"]] == [(money(400), "dented")]

    reversed_ = call("reverse", **payment_fields(command), reason="order_cancelled")

    assert (reversed_["status"], reversed_["refunded"]) == ("refunded", 1000)
    assert call("get", payment_id=payment_id, caller=ADMIN)["status"] == "refunded"


def payment_fields(command: dict[str, Any]) -> dict[str, Any]:
    return {name: command[name] for name in ("payment_id", "order_id", "amount", "currency", "provider")}


def test_payment_requiring_action_returns_client_secret(call: Any, shop: Shop) -> None:
    command = shop.command("pm_card_authenticationRequired").model_dump()

    reply = call("authorise", **command)

    assert reply["status"] == "requires_action"
    assert reply["client_secret"].startswith("sbx_")
    assert call("status_of", payment_id=command["payment_id"])["client_secret"] == reply["client_secret"]


@pytest.mark.parametrize(
    ("event_type", "status"),
    [("payment.confirmed", "authorized"), ("payment.declined", "declined"), ("fee.due", "requires_action")],
)
def test_webhook_updates_the_payment_status(call: Any, shop: Shop, event_type: str, status: str) -> None:
    payment = shop.pay("pm_card_authenticationRequired")
    message = webhook(shop, {"id": new_id(), "type": event_type, "charge": payment.reference})

    assert call("webhook", **message)["duplicate"] is False

    assert call("status_of", payment_id=payment.id)["status"] == status


def test_repeated_webhook_changes_nothing(call: Any, shop: Shop) -> None:
    payment = shop.pay("pm_card_authenticationRequired")
    message = webhook(shop, {"id": "evt_1", "type": "payment.confirmed", "charge": payment.reference})

    duplicates = run_concurrently(4, lambda _: call("webhook", **message)["duplicate"])

    assert sorted(duplicates) == [False, True, True, True]
    assert shop.event_types(payment) == ["payment_action_required", "payment_authorized"]
    shop.processor.capture(payment.id, None)


def test_webhook_for_reversed_payment_changes_nothing(call: Any, shop: Shop) -> None:
    payment = shop.pay("pm_card_authenticationRequired")
    shop.reverse(payment)

    call("webhook", **webhook(shop, {"id": "evt_late", "type": "payment.confirmed", "charge": payment.reference}))

    assert shop.now(payment)[0] == shop.at_bank(payment)[0] == "voided"


@pytest.mark.parametrize("signature", ["", "0" * 64, "ümlaut"])
def test_webhook_with_a_wrong_signature_is_refused(call: Any, shop: Shop, signature: str) -> None:
    payment = shop.pay("pm_card_authenticationRequired")
    message = {"id": new_id(), "type": "payment.confirmed", "charge": payment.reference}

    with pytest.raises(Unauthenticated):
        call("webhook", **webhook(shop, message, signature))

    assert shop.now(payment)[0] == shop.at_bank(payment)[0] == "requires_action"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'"x"',
        b'{"id": 1, "type": [], "charge": {}}',
        b'{"id": "\\u0000", "type": "payment.confirmed", "charge": "c"}',
    ],
)
def test_malformed_webhook_is_refused(call: Any, shop: Shop, body: bytes) -> None:
    with pytest.raises(ValidationFailed):
        call("webhook", **webhook(shop, body))


def test_webhook_of_an_unknown_provider_is_refused(call: Any, shop: Shop) -> None:
    message = webhook(shop, {"id": new_id(), "type": "payment.confirmed", "charge": "sbx_unknown"})
    with pytest.raises(NotFound):
        call("webhook", **{**message, "provider": "paypal"})
    with pytest.raises(ValidationFailed):
        call("webhook", **{**message, "body": "not base64!"})


@pytest.mark.parametrize("payment_id", ["0197b1c8-7a5e-7cc0-9f00-000000000001", "nonsense", "\x00"])
def test_unknown_payment_is_not_found(call: Any, payment_id: str) -> None:
    for method, extra in (
        ("status_of", {}),
        ("capture", {}),
        ("refund", {"caller": ADMIN}),
        ("get", {"caller": ADMIN}),
    ):
        arguments = extra | ({"refund_id": new_id()} if method == "refund" else {})
        with pytest.raises(NotFound):
            call(method, payment_id=payment_id, **arguments)


def test_payment_of_another_customer_is_not_found(call: Any, shop: Shop) -> None:
    payment = shop.pay()
    with pytest.raises(NotFound):
        call("get", payment_id=payment.id, caller={"user_id": new_id(), "roles": ["CUSTOMER"]})


def test_customer_gets_their_own_payment(call: Any, shop: Shop) -> None:
    customer_id = new_id()
    payment = shop.processor.authorise(shop.command("pm_card_chargeDeclined", customer_id=customer_id))

    resource = call("get", payment_id=payment.id, caller={"user_id": customer_id, "roles": ["CUSTOMER"]})

    assert (resource["id"], resource["status"], resource["decline_code"]) == (payment.id, "declined", "generic_decline")


def test_reference_of_another_provider_is_not_found(shop: Shop) -> None:
    payment = shop.pay()
    assert payment.reference

    assert shop.store.by_reference("sandbox", payment.reference) == payment.id
    assert shop.store.by_reference("stripe", payment.reference) is None


def test_pending_refund_of_a_crashed_process_is_finished(call: Any, shop: Shop) -> None:
    payment = shop.paid()
    shop.crash_during(lambda: shop.refund(payment, 300))
    call.service.finish_abandoned_attempts()
    assert shop.now(payment)[2] == 0  # another process may still be working on it

    with shop.store.transaction() as session:
        session.execute(
            text("update attempts set started_at = started_at - :age"),
            {"age": ABANDONED_AFTER + timedelta(seconds=1)},
        )
    call.service.finish_abandoned_attempts()

    assert shop.now(payment) == ("partially_refunded", 1000, 300)
