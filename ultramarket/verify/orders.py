"""Orders and payments agree, in both directions, and nothing stays in a middle state past its deadline."""

from typing import Any, Final

from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

PAID: Final = ("confirmed", "processing", "shipped", "delivered", "returned")
CHARGED: Final = ("captured", "partially_refunded", "refunded")
CLOSED: Final = ("voided", "declined", "refunded")
STUCK_ATTEMPTS: Final = 5
SAGA_SECONDS: Final = 60
"""Seconds after its time that a saga step may be late: a lease, a retry delay, and a process that starts again."""
PAYMENT_SECONDS: Final = 180
"""Seconds that a payment may be processing, or a refund pending: twice the interval of the timer that ends it."""

_ORDERS = """
    select o.id::text, o.status, o.payment_id::text,
           (placed.data #>> '{totals,total}')::bigint as total, placed.data ->> 'currency' as currency,
           refunds.refunded, refunds.settled,
           p.id::text as payment, p.order_id::text as payment_order, p.status as payment_status, p.amount,
           p.currency as payment_currency, p.captured, p.refunded as payment_refunded
    from orders.orders o
    join orders.order_events e on e.order_id = o.id and e.version = 1
    cross join lateral (select e.body::jsonb -> 'data' as data offset 0) placed
    left join (
        select order_id,
               (array_agg((body::jsonb #>> '{data,refunded}')::bigint order by version desc)
                filter (where body::jsonb #>> '{data,refunded}' is not null))[1] as refunded,
               bool_or(substr(body, 1, 200) like '%%"type":"order_step_settled"%%') as settled
        from orders.order_events
        where version > 1
          and substr(body, 1, 200) like any (array['%%"type":"order_payment_re%%', '%%"type":"order_step_settled"%%'])
        group by order_id
    ) refunds on refunds.order_id = o.id
    left join payments.payments p on p.id = o.payment_id
"""
"""The body of an event is parsed once (`offset 0` keeps the subquery); its type is in its first 200 characters, which
are read without decompressing the rest.
"""
_STATES = """
    select id::text, status, suspended_at is not null as suspended, attempts,
           saga_due < now() - %(late)s * interval '1 s' as late
    from orders.orders
"""
_PAYMENTS_WITHOUT_ORDER = """
    select p.id::text, p.order_id::text, p.status, count(*) over () as total from payments.payments p
    left join orders.orders o on o.payment_id = p.id where o.id is null
"""
_UNFINISHED_PAYMENTS = """
    select id::text, 'payment is still processing' as what from payments.payments
    where status = 'processing' and updated_at < now() - %(seconds)s * interval '1 s'
    union all
    select payment_id::text, 'refund ' || id || ' is still pending' from payments.refunds
    where status = 'pending' and created_at < now() - %(seconds)s * interval '1 s'
"""


def check_orders(stores: Stores) -> CheckResult:
    """Each order has the payment that its status needs, of its amount, and refunded as it says."""
    result = CheckResult("orders and payments")
    for row in stores.rows(_ORDERS):
        result.examined += 1
        for message in order_breaches(row):
            result.add(row.id, message)
    for row in stores.rows(_PAYMENTS_WITHOUT_ORDER):
        result.add(row.id, f"payment of order {row.order_id} is {row.status}, and there is no such order")
    return result


def check_unfinished(stores: Stores) -> CheckResult:
    """Nothing stays in a middle state past its deadline, and no order waits for a person."""
    result = CheckResult("nothing unfinished")
    for row in stores.rows(_STATES, late=SAGA_SECONDS):
        result.examined += 1
        if row.suspended:
            result.add(row.id, "waits for a person: `ultramarket orders stuck`")
        elif row.late:
            result.add(row.id, f"{row.status}, and no process has resumed it")
        elif row.attempts >= STUCK_ATTEMPTS and row.status != "awaiting_payment":
            result.add(row.id, f"{row.status}, and its step has failed {row.attempts} times")
    for row in stores.rows(_UNFINISHED_PAYMENTS, seconds=PAYMENT_SECONDS):
        result.add(row.id, row.what)
    return result


def order_breaches(row: Any) -> list[str]:
    """The differences between an order and its payment."""
    if row.payment is None:
        return [f"{row.status} without a payment"] if row.status in PAID else []
    wrong = []
    if row.payment_order != row.id:
        wrong.append(f"its payment {row.payment} belongs to order {row.payment_order}")
    if (row.amount, row.payment_currency) != (row.total, row.currency):
        wrong.append(f"costs {row.total} {row.currency}, its payment is {row.amount} {row.payment_currency}")
    if row.status in PAID and (row.payment_status not in CHARGED or row.captured != row.total):
        wrong.append(f"{row.status}, its payment is {row.payment_status}, {row.captured} of {row.total} captured")
    is_ended = row.status in ("failed", "cancelled") and not row.settled
    if is_ended and (row.payment_status not in CLOSED or row.captured != row.payment_refunded):
        kept = row.captured - row.payment_refunded
        wrong.append(f"{row.status}, its payment is {row.payment_status}, {kept} kept")
    if row.status in (*PAID, "failed", "cancelled") and not row.settled and (row.refunded or 0) != row.payment_refunded:
        wrong.append(f"says {row.refunded or 0} were refunded, its payment {row.payment_refunded}")
    return wrong
