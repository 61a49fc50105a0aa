"""Disputes, refunds in the dashboard, and webhooks in any order: at Stripe and in the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import text

from schemas.api.payments import Payment as PaymentReply
from services.chassis.common.errors import InvalidState, Unauthenticated
from services.chassis.common.ids import new_id
from services.payments.dispute_reminders import publish_due
from services.payments.domain import Payment
from services.payments.domain.dispute import REMIND_BEFORE
from services.payments.providers.installed import Installed
from services.payments.service import PaymentsService
from services.payments.webhooks import MAX_ATTEMPTS, Webhooks
from tests.service.payments.conftest import (
    Shop,
    SimulatedCrash,
    StripeShop,
    balances,
    events_of,
    run_concurrently,
)
from tests.support.fake_stripe import DISPUTE_FEE


def disputed(stripe_shop: StripeShop, kind: str = "charge.dispute.created") -> tuple[Payment, dict[str, Any]]:
    payment = stripe_shop.paid()
    dispute = stripe_shop.stripe.dispute(str(payment.reference))
    assert stripe_shop.receive(stripe_shop.stripe.signed(kind, dispute)) is True
    return payment, dispute


def webhook_status(shop: Shop | StripeShop, message_id: str) -> str:
    with shop.store.reading() as connection:
        query = text("select status from webhooks where message_id = :id")
        return str(connection.execute(query, {"id": message_id}).scalar_one())


@pytest.mark.parametrize("kind", ["created", "updated", "funds_withdrawn"])
def test_opened_dispute_is_recorded_published_and_posted(stripe_shop: StripeShop, kind: str) -> None:
    payment, dispute = disputed(stripe_shop, f"charge.dispute.{kind}")

    assert balances(stripe_shop.store, payment) == {
        "provider_clearing": -DISPUTE_FEE,
        "revenue": -1000,
        "disputes": 1000,
        "fees": DISPUTE_FEE,
    }
    (event,) = [one for one in events_of(stripe_shop.store, payment) if one["type"] == "payment_dispute_opened"]
    (stored,) = stripe_shop.store.disputes_of(payment.id)
    assert event["data"]["dispute_id"] == stored.id
    assert (event["data"]["amount"], event["data"]["currency"], event["data"]["reason"]) == (1000, "USD", "fraudulent")
    assert stored.evidence_due_at is not None
    assert stored.evidence_due_at.timestamp() == dispute["evidence_details"]["due_by"]
    resource = PaymentReply.model_validate(stripe_shop.store.resource(payment.id))
    assert [(one.id, one.status, one.amount.amount) for one in resource.disputes] == [
        (stored.id, "needs_response", 1000)
    ]


@pytest.mark.parametrize("won", [True, False])
def test_closed_dispute_is_won_or_lost(stripe_shop: StripeShop, won: bool) -> None:
    payment, dispute = disputed(stripe_shop)
    stripe_shop.stripe.close_dispute(dispute["id"], won)

    stripe_shop.receive(stripe_shop.stripe.signed("charge.dispute.closed", dispute))

    expected = {"provider_clearing": 1000, "revenue": -1000}
    lost = {"provider_clearing": -DISPUTE_FEE, "revenue": -1000, "disputes": 1000, "fees": DISPUTE_FEE}
    assert balances(stripe_shop.store, payment) == (expected if won else lost)
    closed = [one["data"] for one in events_of(stripe_shop.store, payment) if one["type"] == "payment_dispute_closed"]
    assert [(one["outcome"], one["amount"]) for one in closed] == [("won" if won else "lost", 1000)]
    assert stripe_shop.store.is_disputed(payment.id) is not won


def test_dispute_events_in_any_order_have_one_outcome(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    dispute = stripe_shop.stripe.dispute(str(payment.reference))
    opened = stripe_shop.stripe.signed("charge.dispute.created", dispute)
    stripe_shop.stripe.close_dispute(dispute["id"], won=True)
    closed = stripe_shop.stripe.signed("charge.dispute.closed", dispute)
    reinstated = stripe_shop.stripe.signed("charge.dispute.funds_reinstated", dispute)

    for message in (reinstated, closed, opened, closed, opened):
        stripe_shop.receive(message)

    assert balances(stripe_shop.store, payment) == {"provider_clearing": 1000, "revenue": -1000}
    types = [one["type"] for one in events_of(stripe_shop.store, payment)]
    assert types[-2:] == ["payment_dispute_opened", "payment_dispute_closed"]
    assert types.count("payment_dispute_closed") == 1


def test_reminder_of_due_evidence_is_published_once(stripe_shop: StripeShop) -> None:
    payment, dispute = disputed(stripe_shop)
    due_at = datetime.fromtimestamp(dispute["evidence_details"]["due_by"], UTC)

    counts = [publish_due(stripe_shop.store, due_at - REMIND_BEFORE - timedelta(seconds=1))]
    counts += [publish_due(stripe_shop.store, due_at - timedelta(days=1)) for _ in range(2)]

    (event,) = [one for one in events_of(stripe_shop.store, payment) if one["type"] == "payment_dispute_evidence_due"]
    assert counts[-1] == 0
    assert (event["data"]["amount"], event["data"]["reason"]) == (1000, "fraudulent")
    assert datetime.fromisoformat(event["data"]["evidence_due_at"]) == due_at


def test_reminder_is_published_after_a_crash(stripe_shop: StripeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    payment, dispute = disputed(stripe_shop)
    now = datetime.fromtimestamp(dispute["evidence_details"]["due_by"], UTC) - timedelta(days=1)

    def crash(*_: object) -> None:
        raise SimulatedCrash

    with monkeypatch.context() as patch:
        patch.setattr(stripe_shop.store, "emit", crash)
        with pytest.raises(SimulatedCrash):
            publish_due(stripe_shop.store, now)
    publish_due(stripe_shop.store, now)

    types = [one["type"] for one in events_of(stripe_shop.store, payment)]
    assert types.count("payment_dispute_evidence_due") == 1


@pytest.mark.parametrize("status", ["under_review", "won", "lost"])
def test_no_reminder_when_no_evidence_is_awaited(stripe_shop: StripeShop, status: str) -> None:
    payment = stripe_shop.paid()
    dispute = stripe_shop.stripe.dispute(str(payment.reference))
    dispute["status"] = status
    stripe_shop.receive(stripe_shop.stripe.signed("charge.dispute.updated", dispute))
    due_at = datetime.fromtimestamp(dispute["evidence_details"]["due_by"], UTC)

    publish_due(stripe_shop.store, due_at - timedelta(days=1))

    assert "payment_dispute_evidence_due" not in [one["type"] for one in events_of(stripe_shop.store, payment)]


def test_refund_of_a_disputed_charge_is_refused(stripe_shop: StripeShop) -> None:
    payment, dispute = disputed(stripe_shop)

    with pytest.raises(InvalidState) as refused:
        stripe_shop.processor.refund(payment.id, 300, None, new_id(), None)
    assert refused.value.details[0]["reason"] == "disputed"
    assert stripe_shop.keys("/refunds") == []

    stripe_shop.stripe.close_dispute(dispute["id"], won=True)  # no webhook says so
    stripe_shop.processor.refund(payment.id, 300, None, new_id(), None)
    assert stripe_shop.now(payment) == ("partially_refunded", 1000, 300)


def test_refund_in_the_dashboard_arrives_by_webhook(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    refund = stripe_shop.stripe.refund_by_hand(str(payment.reference), 400)
    created = stripe_shop.stripe.signed("refund.created", refund)
    charge = stripe_shop.stripe.charge_of(str(payment.reference)) | {"payment_intent": payment.reference}
    refunded = stripe_shop.stripe.signed("charge.refunded", charge)

    run_concurrently(4, lambda index: stripe_shop.receive((created, refunded)[index % 2]))
    Webhooks(stripe_shop.processor).process_due()

    assert stripe_shop.now(payment) == ("partially_refunded", 1000, 400)
    assert balances(stripe_shop.store, payment) == {"provider_clearing": 600, "revenue": -1000, "refunds": 400}
    assert [one["type"] for one in events_of(stripe_shop.store, payment)].count("payment_refunded") == 1


def test_refund_that_comes_back_is_taken_out(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    stripe_shop.processor.refund(payment.id, 400, None, new_id(), None)
    (refund,) = stripe_shop.stripe.refunds.values()
    stripe_shop.stripe.fail_refund(refund["id"])

    for _ in range(2):
        stripe_shop.receive(stripe_shop.stripe.signed("refund.failed", refund))

    assert stripe_shop.now(payment) == ("captured", 1000, 0)
    assert balances(stripe_shop.store, payment) == {"provider_clearing": 1000, "revenue": -1000}
    assert [one["type"] for one in events_of(stripe_shop.store, payment)].count("payment_refund_failed") == 1


def test_lost_webhooks_are_found_in_the_event_list(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    refund = stripe_shop.stripe.refund_by_hand(str(payment.reference), 400)
    stripe_shop.stripe.signed("refund.created", refund)  # never arrives

    for _ in range(2):
        Webhooks(stripe_shop.processor).receive_missed()

    assert stripe_shop.now(payment) == ("partially_refunded", 1000, 400)


def test_comparison_finds_what_no_event_said(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.paid()
    stripe_shop.stripe.refund_by_hand(str(payment.reference), 400)
    stripe_shop.stripe.dispute(str(payment.reference), amount=600)

    for _ in range(2):
        stripe_shop.processor.compare(payment.id)

    assert stripe_shop.now(payment) == ("partially_refunded", 1000, 400)
    assert [one.amount for one in stripe_shop.store.disputes_of(payment.id)] == [600]


def test_webhook_before_our_own_answer_is_kept(stripe_shop: StripeShop) -> None:
    command = stripe_shop.command()
    intent = {"id": "pi_unknown", "metadata": {"payment_id": command.payment_id}}
    body, headers = stripe_shop.stripe.signed("payment_intent.amount_capturable_updated", intent)
    message_id = stripe_shop.stripe.events[0]["id"]
    assert stripe_shop.receive((body, headers)) is True
    assert webhook_status(stripe_shop, message_id) == "pending"

    payment = stripe_shop.processor.authorise(command)
    due_now(stripe_shop, message_id)
    Webhooks(stripe_shop.processor).process_due()

    assert webhook_status(stripe_shop, message_id) == "processed"
    assert stripe_shop.now(payment)[0] == "authorized"


def test_webhook_of_an_unknown_charge_is_given_up(stripe_shop: StripeShop) -> None:
    stripe_shop.receive(stripe_shop.stripe.signed("payment_intent.canceled", {"id": "pi_of_another_shop"}))
    message_id = stripe_shop.stripe.events[0]["id"]

    for _ in range(MAX_ATTEMPTS - 1):
        assert webhook_status(stripe_shop, message_id) == "pending"
        due_now(stripe_shop, message_id)
        Webhooks(stripe_shop.processor).process_due()

    assert webhook_status(stripe_shop, message_id) == "given_up"


def due_now(shop: StripeShop, message_id: str) -> None:
    with shop.store.transaction() as session:
        statement = text("update webhooks set due_at = now() - interval '1 second' where message_id = :id")
        session.execute(statement, {"id": message_id})


def test_capture_in_the_dashboard_arrives_by_webhook(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.pay()
    stripe_shop.stripe.capture_by_hand(str(payment.reference), 400)

    intent = stripe_shop.stripe.intents[str(payment.reference)]
    stripe_shop.receive(stripe_shop.stripe.signed("payment_intent.succeeded", intent))

    assert stripe_shop.now(payment) == ("captured", 400, 0)


def test_webhook_of_our_own_authorisation_asks_nothing(stripe_shop: StripeShop) -> None:
    payment = stripe_shop.pay()
    intent = stripe_shop.stripe.intents.pop(str(payment.reference))  # a look-up would fail

    stripe_shop.receive(stripe_shop.stripe.signed("payment_intent.amount_capturable_updated", intent))

    assert webhook_status(stripe_shop, stripe_shop.stripe.events[0]["id"]) == "processed"


def test_webhook_of_a_changed_secret_is_refused(stripe_shop: StripeShop) -> None:
    stripe_shop.stripe.secret = "whsec_other"
    with pytest.raises(Unauthenticated):
        stripe_shop.receive(stripe_shop.stripe.signed("payment_intent.canceled", {"id": "pi_1"}))


# -- the sandbox -----------------------------------------------------------------------------------------------------


def in_past(shop: Shop, payment: Payment) -> None:
    """Let the charge's capture be some time ago."""
    with shop.store.transaction() as session:
        statement = text("update sandbox_charges set captured_at = now() - interval '1 minute' where payment_id = :id")
        session.execute(statement, {"id": payment.id})


def test_sandbox_card_is_disputed_after_its_capture(shop: Shop) -> None:
    payment = shop.pay("pm_sandbox_dispute")
    shop.processor.capture_whole(payment.id)
    service = worker_factory(PaymentsService, store=shop.store, providers=Installed({"sandbox": shop.sandbox}))
    service.receive_missed_webhooks()
    assert shop.store.disputes_of(payment.id) == []

    in_past(shop, payment)
    service.receive_missed_webhooks()

    assert [(one.amount, one.status) for one in shop.store.disputes_of(payment.id)] == [(1000, "needs_response")]
    assert shop.event_types(payment)[-1] == "payment_dispute_opened"
    with pytest.raises(InvalidState):
        shop.refund(payment, 100)


@pytest.mark.parametrize(("outcome", "clearing"), [("won", 1000), ("lost", -1500)])
def test_sandbox_dispute_is_closed_by_webhook(shop: Shop, outcome: str, clearing: int) -> None:
    payment = shop.paid()
    for kind in ("opened", outcome):
        body = f'{{"id": "{new_id()}", "type": "dispute.{kind}", "charge": "{payment.reference}"}}'.encode()
        notice = shop.sandbox.read_notice(body, {"x-sandbox-signature": shop.sandbox.sign(body)})
        assert notice is not None
        Webhooks(shop.processor).receive("sandbox", notice.message_id, body)

    assert balances(shop.store, payment)["provider_clearing"] == clearing
    assert shop.event_types(payment)[-2:] == ["payment_dispute_opened", "payment_dispute_closed"]


def test_sandbox_refund_at_the_bank_is_found(shop: Shop) -> None:
    payment = shop.paid()
    shop.bank.refund(new_id(), payment.reference or "", 250)

    Webhooks(shop.processor).receive_missed()

    assert shop.now(payment) == ("partially_refunded", 1000, 250)


def test_timer_settles_an_open_payment(shop: Shop) -> None:
    payment = shop.pay("pm_card_authenticationRequired")
    shop.bank.settle(payment.reference or "", "authorized")  # its webhook is lost
    with shop.store.transaction() as session:
        statement = text("update payments set created_at = now() - interval '1 minute' where id = :id")
        session.execute(statement, {"id": payment.id})

    service = worker_factory(PaymentsService, store=shop.store, providers=Installed({"sandbox": shop.sandbox}))
    service.check_open_payments()

    assert service.status_of(payment.id, refresh=True).status == "authorized"
