"""A Stripe for tests: an HTTP server that behaves as its documentation says, with a dashboard and a bank behind it.

Replies to a key are stored and replayed, a 500 too (https://docs.stripe.com/api/idempotent_requests); intents are
confirmed, captured, cancelled and refunded (https://docs.stripe.com/payments/paymentintents/lifecycle); disputes
withdraw and reinstate funds (https://docs.stripe.com/disputes/how-disputes-work); events are signed.
"""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

DISPUTE_FEE = 1500
IDS = itertools.count(1)
"""Of all servers of the process: Stripe's ids are unique."""
Reply = tuple[int, dict[str, Any]]


class DropsConnection(Exception):
    """The reply gets lost on its way."""


@dataclass
class Trouble:
    """A failure of the next requests to a path: executed or not, then a 500 or no reply at all."""

    path: str
    times: int
    executes: bool
    answers: bool


@dataclass
class FakeStripe:
    """Stripe's books, and what one can do in its dashboard."""

    address: str = ""
    secret: str = "whsec_test"
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    disputes: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    """The newest first."""
    replies: dict[str, tuple[str, Reply]] = field(default_factory=dict)
    keys: list[tuple[str, str]] = field(default_factory=list)
    """(path, key) of each POST."""
    troubles: list[Trouble] = field(default_factory=list)
    refuses_refunds: bool = False
    """An account problem: every refund is refused."""
    refuses_voids: bool = False
    fee: int = 0
    """Stripe's fee for each charge."""
    balance_currency: str | None = None
    """The currency of Stripe's balance; that of the charge if None."""
    balance_lags: bool = False
    """Balance transactions of charges are not known yet."""
    search_lags: bool = False
    """Search does not find anything yet."""
    lock: Any = field(default_factory=Lock)
    ids: Any = IDS

    # -- trouble -------------------------------------------------------------------------------------------------

    def fail(self, path: str, times: int = 1, executes: bool = False) -> None:
        """Answer 500 to the next executions of a POST whose path ends so; the 500 is stored under the key."""
        self.troubles.append(Trouble(path, times, executes, answers=True))

    def lose(self, path: str, times: int = 1, executes: bool = True) -> None:
        """Lose the next replies."""
        self.troubles.append(Trouble(path, times, executes, answers=False))

    # -- dashboard and banks -------------------------------------------------------------------------------------

    def refund_by_hand(self, intent_id: str, amount: int) -> dict[str, Any]:
        status, refund = self.refund({"payment_intent": intent_id, "amount": str(amount)})
        assert status == 200, refund
        return refund

    def fail_refund(self, refund_id: str) -> None:
        """The customer's bank sends a refund back."""
        refund = self.refunds[refund_id]
        refund["status"] = "failed"
        self.charge_of(refund["payment_intent"])["amount_refunded"] -= refund["amount"]

    def capture_by_hand(self, intent_id: str, amount: int) -> None:
        assert self.capture(intent_id, {"amount_to_capture": str(amount)})[0] == 200

    def confirm(self, intent_id: str, succeeds: bool = True) -> None:
        """The customer ends 3-D Secure."""
        intent = self.intents[intent_id]
        intent["status"] = "requires_capture" if succeeds else "requires_payment_method"
        if not succeeds:
            intent["last_payment_error"] = {"code": "payment_intent_authentication_failure", "type": "card_error"}

    def dispute(self, intent_id: str, amount: int | None = None, reason: str = "fraudulent") -> dict[str, Any]:
        """The customer disputes the charge: the funds and a fee are withdrawn."""
        intent = self.intents[intent_id]
        disputed = amount or intent["amount_received"]
        dispute = {
            "id": f"du_{next(self.ids)}",
            "object": "dispute",
            "payment_intent": intent_id,
            "charge": self.charge_of(intent_id)["id"],
            "amount": disputed,
            "currency": intent["currency"],
            "reason": reason,
            "status": "needs_response",
            "is_charge_refundable": False,
            "evidence_details": {"due_by": int(time.time()) + 7 * 86_400, "has_evidence": False},
            "balance_transactions": [self._movement(-disputed, DISPUTE_FEE, intent["currency"])],
            "metadata": {},
            "created": int(time.time()),
        }
        self.charge_of(intent_id)["disputed"] = True
        self.disputes[dispute["id"]] = dispute
        return dispute

    def close_dispute(self, dispute_id: str, won: bool) -> dict[str, Any]:
        dispute = self.disputes[dispute_id]
        dispute["status"] = "won" if won else "lost"
        if won:
            movement = self._movement(dispute["amount"], -DISPUTE_FEE, dispute["currency"])
            dispute["balance_transactions"].append(movement)
        return dispute

    def signed(self, kind: str, thing: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """A webhook: its body and headers; the event is in the list of events too."""
        event = {"id": f"evt_{next(self.ids)}", "object": "event", "type": kind, "data": {"object": thing}}
        self.events.insert(0, event | {"created": int(time.time())})
        return sign(event, self.secret)

    def charge_of(self, intent_id: str) -> dict[str, Any]:
        charge: dict[str, Any] = self.intents[intent_id]["latest_charge"]
        return charge

    # -- the API -------------------------------------------------------------------------------------------------

    def post(self, path: str, fields: dict[str, str], key: str) -> tuple[Reply, bool]:
        """The reply, and whether it is a stored one."""
        with self.lock:
            self.keys.append((path, key))
            parameters = json.dumps([path, fields], sort_keys=True)
            if key in self.replies:
                stored_parameters, reply = self.replies[key]
                if stored_parameters != parameters:
                    return failure(400, "idempotency_error", "Keys can only be used with the same parameters"), False
                if any(one.times and not one.answers and path.endswith(one.path) for one in self.troubles):
                    self.troubles[-1].times -= 1
                    raise DropsConnection
                return reply, True
            trouble = next((item for item in self.troubles if path.endswith(item.path) and item.times), None)
            if trouble is None:
                reply = self.execute(path, fields)
            else:
                trouble.times -= 1
                reply = self.execute(path, fields) if trouble.executes else failure(500, "api_error", "Sorry")
                if trouble.answers:
                    reply = failure(500, "api_error", "Sorry")
            if trouble is None or trouble.executes or trouble.answers:
                self.replies[key] = (parameters, reply)
            if trouble is not None and not trouble.answers:
                raise DropsConnection
            return reply, False

    def execute(self, path: str, fields: dict[str, str]) -> Reply:
        match path.removeprefix("/v1/").split("/"):
            case ["payment_intents"]:
                return self.create(fields)
            case ["payment_intents", intent_id, "capture"]:
                return self.capture(intent_id, fields)
            case ["payment_intents", intent_id, "cancel"]:
                return self.cancel(intent_id)
            case ["refunds"]:
                return self.refund(fields)
        return failure(404, "invalid_request_error", "Unrecognized request URL")

    def get(self, path: str, query: dict[str, str]) -> Reply:
        with self.lock:
            match path.removeprefix("/v1/").split("/"):
                case ["payment_intents", "search"]:
                    payment_id = query["query"].split(":")[1].strip("'")
                    hits = [one for one in self.intents.values() if one["metadata"].get("payment_id") == payment_id]
                    return 200, listing([] if self.search_lags else hits, path, "search_result")
                case ["payment_intents"]:
                    since = int(query.get("created[gte]", 0))
                    newest = [one for one in reversed(self.intents.values()) if one["created"] >= since]
                    return 200, listing(newest, path)
                case ["payment_intents", intent_id]:
                    if intent_id not in self.intents:
                        return missing(intent_id)
                    return 200, self.shown(self.intents[intent_id], query)
                case ["events"]:
                    return 200, listing(self.events, path)
                case ["refunds"] | ["disputes"]:
                    things = self.refunds if path.endswith("refunds") else self.disputes
                    of_intent = [one for one in things.values() if one["payment_intent"] == query["payment_intent"]]
                    return 200, listing(of_intent, path)
        return failure(404, "invalid_request_error", "Unrecognized request URL")

    def create(self, fields: dict[str, str]) -> Reply:
        number, token = next(self.ids), fields["payment_method"]
        intent: dict[str, Any] = {
            "id": f"pi_{number}",
            "object": "payment_intent",
            "amount": int(fields["amount"]),
            "amount_received": 0,
            "currency": fields["currency"],
            "client_secret": f"pi_{number}_secret_1",
            "created": int(time.time()),
            "last_payment_error": None,
            "latest_charge": {
                "id": f"ch_{number}",
                "object": "charge",
                "amount_refunded": 0,
                "balance_transaction": None,
                "refunded": False,
                "disputed": False,
            },
            "metadata": {name[9:-1]: value for name, value in fields.items() if name.startswith("metadata[")},
            "status": "requires_action" if token == "pm_card_authenticationRequired" else "requires_capture",
        }
        self.intents[intent["id"]] = intent
        if token == "pm_card_chargeDeclined":
            intent["status"] = "requires_payment_method"
            intent["last_payment_error"] = {"code": "card_declined", "decline_code": "generic_decline"}
            return failure(402, "card_error", "Declined", code="card_declined", payment_intent={"id": intent["id"]})
        return 200, dict(intent)

    def capture(self, intent_id: str, fields: dict[str, str]) -> Reply:
        intent, amount = self.intents[intent_id], int(fields["amount_to_capture"])
        if intent["status"] != "requires_capture" or amount > intent["amount"]:
            return failure(400, "invalid_request_error", "No", code="payment_intent_unexpected_state")
        intent |= {"status": "succeeded", "amount_received": amount}
        movement = self._movement(amount, self.fee, self.balance_currency or intent["currency"])
        intent["latest_charge"]["balance_transaction"] = movement
        return 200, self.shown(intent, fields)

    def shown(self, intent: dict[str, Any], fields: dict[str, str]) -> dict[str, Any]:
        """The intent; its charge and that one's balance transaction as ids unless they are to be expanded."""
        expanded = [value for name, value in fields.items() if name.startswith("expand[")]
        charge = dict(intent["latest_charge"])
        if self.balance_lags:
            charge["balance_transaction"] = None
        elif charge["balance_transaction"] and "latest_charge.balance_transaction" not in expanded:
            charge["balance_transaction"] = charge["balance_transaction"]["id"]
        return intent | {"latest_charge": charge if expanded else charge["id"]}

    def cancel(self, intent_id: str) -> Reply:
        intent = self.intents[intent_id]
        if self.refuses_voids or intent["status"] in ("succeeded", "canceled"):
            return failure(400, "invalid_request_error", "No", code="payment_intent_unexpected_state")
        intent["status"] = "canceled"
        return 200, dict(intent)

    def refund(self, fields: dict[str, str]) -> Reply:
        intent_id, amount = fields["payment_intent"], int(fields["amount"])
        charge, received = self.charge_of(intent_id), self.intents[intent_id]["amount_received"]
        if charge["disputed"] and any(
            not one["is_charge_refundable"] and one["status"] != "won"
            for one in self.disputes.values()
            if one["payment_intent"] == intent_id
        ):
            return failure(400, "invalid_request_error", "Charge was disputed", code="charge_disputed")
        if self.refuses_refunds:
            return failure(400, "invalid_request_error", "Refunds are disabled", code="refund_disputed_payment")
        if charge["amount_refunded"] + amount > received:
            return failure(400, "invalid_request_error", "More than is left", code="charge_already_refunded")
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == received
        refund = {
            "id": f"re_{next(self.ids)}",
            "object": "refund",
            "amount": amount,
            "payment_intent": intent_id,
            "charge": charge["id"],
            "balance_transaction": f"txn_{next(self.ids)}",
            "status": "succeeded",
            "metadata": {name[9:-1]: value for name, value in fields.items() if name.startswith("metadata[")},
        }
        self.refunds[refund["id"]] = refund
        return 200, dict(refund)

    def _movement(self, amount: int, fee: int, currency: str) -> dict[str, Any]:
        return {
            "id": f"txn_{next(self.ids)}",
            "object": "balance_transaction",
            "amount": amount,
            "fee": fee,
            "net": amount - fee,
            "currency": currency,
        }


def failure(status: int, kind: str, message: str, **values: Any) -> Reply:
    return status, {"error": {"type": kind, "message": message, **values}}


def missing(thing: str) -> Reply:
    return failure(404, "invalid_request_error", f"No such thing: {thing}", code="resource_missing")


def listing(things: list[dict[str, Any]], url: str, kind: str = "list") -> dict[str, Any]:
    return {"object": kind, "data": things, "has_more": False, "url": url}


def sign(event: Any, secret: str, age: int = 0) -> tuple[bytes, dict[str, str]]:
    """The body and headers of an event, signed `age` seconds ago."""
    body, at = json.dumps(event).encode(), int(time.time()) - age
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={at},v1={digest}"}


@contextmanager
def fake_stripe() -> Iterator[FakeStripe]:
    """Start the server on a free loopback port."""
    stripe = FakeStripe()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self.answer(stripe.get(url.path, dict(parse_qsl(url.query))), replayed=False)

        def do_POST(self) -> None:
            fields = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()))
            try:
                reply, replayed = stripe.post(urlsplit(self.path).path, fields, self.headers["Idempotency-Key"])
            except DropsConnection:
                self.close_connection = True
                return
            self.answer(reply, replayed)

        def answer(self, reply: Reply, replayed: bool) -> None:
            status, body = reply
            content = json.dumps(body).encode()
            self.send_response(status)
            if replayed:
                self.send_header("Idempotent-Replayed", "true")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stripe.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
