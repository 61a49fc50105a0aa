"""Refund race: parallel refunds, cancellations and shipments of one order never give back more than was captured."""

from collections.abc import Callable
from threading import Barrier

from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run, in_parallel
from ultramarket.chaos.shop_client import new_key

ORDERS = 6
UNITS = 4


def carry_out(run: Run) -> None:
    """For each of several orders: so many requests at once, of which some must be refused."""
    [sku] = new_products(run, [ORDERS * UNITS])
    token = run.administrator().session.headers["Authorization"]
    authorization = token.decode() if isinstance(token, bytes) else token
    for number in range(ORDERS):
        _race(run, sku, authorization, with_shipments=number % 2 == 0)
    run.findings |= {"orders": ORDERS, "requests at once": run.buyers}
    level = level_of(run, sku)
    run.expect(level[1] == 0, f"{level[1]} units are still reserved")


def _race(run: Run, sku: str, authorization: str, with_shipments: bool) -> None:
    buyer = run.buyer()
    buyer.fill_cart({sku: UNITS})
    outcome = buyer.order()
    order = buyer.read_order(str(outcome.order_id)).data
    payment_id, total = order["payment"]["id"], order["total"]["amount"]
    part = {"amount": {"amount": total // 5, "currency": order["currency"]}, "reason": "race"}
    lines = {"lines": [{"sku": sku, "quantity": 1}], "reason": "race"}
    parcel = {"order_id": order["id"], "items": [{"sku": sku, "quantity": 1}]}
    requests: list[tuple[str, object]] = [
        (f"/payments/{payment_id}/refunds", part),
        (f"/orders/{order['id']}/cancel", lines),
    ]
    if with_shipments:
        requests.append(("/shipments", parcel))
    start = Barrier(run.buyers)

    def send(path: str, body: object) -> Callable[[], int]:
        def work() -> int:
            start.wait()
            reply = run.client.persist("POST", path, body, Authorization=authorization, Idempotency_Key=new_key())
            return reply.status

        return work

    statuses = in_parallel(run.buyers, [send(*requests[number % len(requests)]) for number in range(run.buyers)])
    run.expect(set(statuses) <= {200, 201, 409, 422}, f"answers were {sorted(set(statuses))}")
    final = buyer.read_order(order["id"]).data
    payment = run.administrator().get(f"/payments/{payment_id}")
    refunded = payment["refunded"]["amount"]
    run.expect(refunded <= total, f"{refunded} of {total} were refunded")
    for item in final["items"]:
        units = item["shipped"] + item["cancelled"]
        run.expect(units <= item["quantity"], f"{units} of {item['quantity']} shipped or cancelled")
