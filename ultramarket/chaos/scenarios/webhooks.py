"""Webhooks: payments that their customers confirm at the bank; the notices come doubled, late, or not at all."""

import hashlib
import hmac
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import orjson
import psycopg2

from ultramarket.chaos.buyers import Buyer, Outcome
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run, in_parallel, wait_until
from ultramarket.chaos.shop_client import new_key

CARD = "pm_card_authenticationRequired"
MODES = ("once", "doubled", "declined then confirmed", "declined", "lost")
FINAL_SECONDS = 90.0


def carry_out(run: Run) -> None:
    """Each buyer's payment waits for confirmation; its notices are sent in one of several ways."""
    [sku] = new_products(run, [run.buyers])
    buyers = [run.buyer() for _ in range(run.buyers)]
    modes = [MODES[number % len(MODES)] for number in range(run.buyers)]
    works = [partial(_buy, run, buyer, sku, mode) for buyer, mode in zip(buyers, modes, strict=True)]
    outcomes = in_parallel(16, works)
    confirmed = sum(outcome.kind == "confirmed" for outcome in outcomes)
    declined = sum(mode.startswith("declined") for mode in modes)
    run.findings |= {"orders": run.buyers, "confirmed": confirmed, "declined first": declined}
    run.expect(confirmed == run.buyers - declined, f"{confirmed} confirmed of {run.buyers - declined}")
    level = level_of(run, sku)
    run.expect(level == (declined, 0, declined), f"stock is {level}")


def _buy(run: Run, buyer: Buyer, sku: str, mode: str) -> Outcome:
    buyer.fill_cart({sku: 1})
    run.counters.begin()
    reply = buyer.request_order(CARD, new_key())
    detail = reply.details[0] if reply.code == "PAYMENT_ACTION_REQUIRED" else {}
    if not detail:
        run.counters.end("unknown")
        return run.record(Outcome("unknown", buyer.email, code=reply.code))
    buyer.access_key = detail["access_key"]
    charge = detail["client_secret"].partition("_secret_")[0]
    _notify(run, charge, mode)
    settled = wait_until(lambda: _status(buyer, detail["order_id"]) in ("confirmed", "failed"), FINAL_SECONDS)
    status = _status(buyer, detail["order_id"])
    kind = "confirmed" if status == "confirmed" else "refused" if settled else "unknown"
    total = buyer.read_order(detail["order_id"]).data["total"]["amount"]
    run.counters.end(kind)
    return run.record(Outcome(kind, buyer.email, detail["order_id"], status, total))


def _status(buyer: Buyer, order_id: str) -> str:
    return str(buyer.read_order(order_id).data["status"])


def _notify(run: Run, charge: str, mode: str) -> None:
    if mode == "lost":
        _confirm_at_bank(run, charge)
        return
    types = {
        "once": ["payment.confirmed"],
        "doubled": ["payment.confirmed"],
        "declined then confirmed": ["payment.declined", "payment.confirmed"],
        "declined": ["payment.declined"],
    }[mode]
    for type_ in types:
        body = orjson.dumps({"id": uuid.uuid4().hex, "type": type_, "charge": charge})
        copies = 4 if mode == "doubled" else 1
        with ThreadPoolExecutor(copies) as pool:
            list(pool.map(lambda _, body=body: _post(run, body), range(copies)))  # type: ignore[misc]


def _confirm_at_bank(run: Run, charge: str) -> None:
    """The customer confirms, and the bank's notice never arrives: the sandbox's books are changed, nothing else."""
    connection = psycopg2.connect(run.instance.url("postgres"))
    try:
        with connection, connection.cursor() as cursor:
            change = "update payments.sandbox_charges set status = 'authorized' where id = %s and status = %s"
            cursor.execute(change, (charge, "requires_action"))
    finally:
        connection.close()


def _post(run: Run, body: bytes) -> None:
    secret = run.instance.secrets["secret_key"].encode()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    run.client.persist("POST", "/webhooks/sandbox", orjson.loads(body), X_Sandbox_Signature=signature)
