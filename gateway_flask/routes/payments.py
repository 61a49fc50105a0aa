"""Payments, captures, refunds, and webhooks of providers."""

import base64

from flask import Response, request

from gateway_flask.http import parse
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath, ProviderPath
from gateway_flask.rpc.calls import call
from schemas.api.payments import (
    AvailableMethod,
    CapturePayment,
    CaptureRequest,
    Payment,
    RefundPayment,
    RefundRequest,
    Webhook,
    WebhookReply,
)
from schemas.rpc.payments import PaymentsRpc

api = Api("payments", "Payments", "Payments, captures and refunds.")

SIGNATURES = ("stripe-signature", "x-signature", "x-sandbox-signature")


@api.get("/payment-methods", reply=AvailableMethod, many=True)
def payment_methods() -> Response:
    """List what can be paid with here, and in which currencies."""
    return ok(call(PaymentsRpc.available_methods, caller=caller()), "Payment methods")


@api.get("/payments/<string:id>", reply=Payment)
def get_payment(path: IdPath) -> Response:
    """Get a payment of an own order."""
    return ok(call(PaymentsRpc.get, payment_id=path.id, caller=caller()), "Payment")


@api.post("/payments/<string:id>/capture", reply=Payment, key="must")
def capture_payment(path: IdPath, body: CaptureRequest) -> Response:
    """Capture an authorised payment, or a part of it."""
    command = CapturePayment(**body.given(), payment_id=path.id, caller=caller(), idempotency=idempotency())
    return ok(call(PaymentsRpc.capture_payment, command), "Payment captured")


@api.post("/payments/<string:id>/refunds", reply=Payment, statuses=(201,), key="must")
def refund_payment(path: IdPath, body: RefundRequest) -> Response:
    """Refund a captured payment, or a part of it."""
    command = RefundPayment(**body.given(), payment_id=path.id, caller=caller(), idempotency=idempotency())
    return ok(call(PaymentsRpc.refund, command), "Refunded", 201)


@api.post("/webhooks/<string:provider>", reply=WebhookReply, takes_bytes=True, limit=None)
def webhook(path: ProviderPath) -> Response:
    """Receive a payment provider's webhook. The signature covers the raw body, which is passed on unchanged."""
    headers = {name: request.headers[name] for name in SIGNATURES if name in request.headers}
    body = base64.b64encode(parse.raw_body()).decode()
    message = Webhook(provider=path.provider, body=body, headers=headers)
    return ok(call(PaymentsRpc.webhook, message), "Webhook received")
