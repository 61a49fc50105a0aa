"""Payments: looking at them, taking, giving back, and what providers tell us."""

import base64

from flask import Response, request

from gateway_flask.http import parse
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath, ProviderPath
from gateway_flask.rpc.calls import call
from schemas.api.payments import CaptureRequest, Payment, RefundRequest, WebhookReply

api = Api("payments", "Payments", "Payments, captures and refunds.")

SIGNATURES = ("stripe-signature", "x-signature", "x-sandbox-signature")


@api.get("/payments/<string:id>", reply=Payment, who=Who.SIGNED_IN)
def get_payment(path: IdPath) -> Response:
    """A payment of an own order."""
    return ok(call("payments", "get", payment_id=path.id, caller=caller()), "Payment")


@api.post("/payments/<string:id>/capture", reply=Payment, who=Who.ADMIN, key="must")
def capture_payment(path: IdPath, body: CaptureRequest) -> Response:
    """Take what was promised, or a part of it."""
    amount = body.amount.model_dump() if body.amount else None
    payment = call("payments", "capture", payment_id=path.id, amount=amount, caller=caller(), idempotency=idempotency())
    return ok(payment, "Payment captured")


@api.post("/payments/<string:id>/refunds", reply=Payment, statuses=(201,), who=Who.ADMIN, key="must")
def refund_payment(path: IdPath, body: RefundRequest) -> Response:
    """Give back what was taken, or a part of it."""
    payment = call(
        "payments", "refund", payment_id=path.id, **body.model_dump(), caller=caller(), idempotency=idempotency()
    )
    return ok(payment, "Refunded", 201)


@api.post("/webhooks/<string:provider>", reply=WebhookReply, who=Who.ANYONE, takes_bytes=True, limit=None)
def webhook(path: ProviderPath) -> Response:
    """What a provider has to say. Its signature covers the very bytes, so they go on as they came."""
    headers = {name: request.headers[name] for name in SIGNATURES if name in request.headers}
    body = base64.b64encode(parse.raw_body()).decode()
    return ok(call("payments", "webhook", provider=path.provider, body=body, headers=headers), "Received")
