"""Comparison of what buyers were told with orders, charges and mails."""

from collections import Counter
from typing import Any

from ultramarket.chaos.run import Run
from ultramarket.instance import Instance
from ultramarket.mail import summaries
from ultramarket.verify.orders import PAID
from ultramarket.verify.stores import Stores, open_stores

_ORDERS = """
    select o.id::text, o.status, e.body::jsonb #>> '{data,email}' as email, e.body::jsonb #>> '{data,number}' as number,
           (e.body::jsonb #>> '{data,totals,total}')::bigint as total,
           coalesce(charge.charges, 0) as charges, coalesce(charge.captured, 0) as captured,
           coalesce(charge.kept, 0) as kept
    from orders.orders o
    join orders.order_events e on e.order_id = o.id and e.version = 1
    left join (
        select p.order_id, count(*) as charges, sum(c.captured) as captured, sum(c.captured - c.refunded) as kept
        from payments.payments p join payments.sandbox_charges c on c.id = p.reference
        where c.captured > 0 group by p.order_id
    ) charge on charge.order_id = o.id
"""
_UNFINISHED = """
    select count(*) as orders from orders.orders where saga_due is not null and status <> 'awaiting_payment'
"""


def unfinished_sagas(stores: Stores) -> int:
    """The number of orders whose saga has steps left, without those that wait for their customer."""
    return int(stores.all(_UNFINISHED)[0].orders)


def orders_of(run: Run) -> dict[str, Any]:
    """The orders of the run's buyers by id, with their charges at the provider."""
    with open_stores(run.instance.url) as stores:
        return {row.id: row for row in stores.rows(_ORDERS) if row.email in run.emails}


def confirmed_without_mail(run: Run) -> bool:
    """Whether a mail is missing that confirms a paid order."""
    paid = [row.number for row in orders_of(run).values() if row.status in PAID]
    confirmations = confirmation_mails(run.instance)
    return any(confirmations[number] == 0 for number in paid)


def compare(run: Run) -> None:
    """Note each order that was lost, doubled, wrongly charged or wrongly announced."""
    orders = orders_of(run)
    announced = {outcome.order_id: outcome for outcome in run.outcomes if outcome.kind == "confirmed"}
    paid = {order_id: row for order_id, row in orders.items() if row.status in PAID}
    lost = sorted(str(order_id) for order_id in announced.keys() - paid.keys())
    by_buyer = Counter(row.email for row in paid.values())
    doubled = sorted(email for email, count in by_buyer.items() if count > 1)
    recorded = {outcome.email for outcome in run.outcomes}
    untold = sorted(order_id for order_id, row in paid.items() if row.email in recorded and order_id not in announced)
    run.findings |= {
        "buyers told confirmed": len(announced),
        "buyers told refused": sum(outcome.kind == "refused" for outcome in run.outcomes),
        "buyers told nothing final": sum(outcome.kind == "unknown" for outcome in run.outcomes),
        "orders in the database": len(orders),
        "orders paid": len(paid),
        "lost": len(lost),
        "doubled": len(doubled),
    }
    _expect_none(run, "confirmed to the buyer, and not paid in the database", lost)
    _expect_none(run, "bought twice by one buyer", doubled)
    _expect_none(run, "paid, and its buyer was not told so", untold)
    _expect_none(run, "not charged once with its total", [key for key, row in paid.items() if not _is_charged(row)])
    charged = [key for key, row in orders.items() if row.status not in PAID and row.kept]
    _expect_none(run, "charged, and not confirmed", charged)
    _compare_mails(run, paid)


def _is_charged(row: Any) -> bool:
    return row.charges == 1 and row.captured == row.total


def _compare_mails(run: Run, paid: dict[str, Any]) -> None:
    """Each paid order has one mail that confirms it."""
    confirmations = confirmation_mails(run.instance)
    numbers = Counter({row.number: confirmations[row.number] for row in paid.values()})
    missing = [number for number in numbers if numbers[number] == 0]
    repeated = [number for number in numbers if numbers[number] > 1]
    run.findings |= {"confirmation mails": sum(numbers.values())}
    _expect_none(run, "without a mail that confirms it", missing)
    _expect_none(run, "confirmed by more than one mail", repeated)


def confirmation_mails(instance: Instance) -> Counter[str]:
    """Numbers of mails that confirm an order, by the order's number, which is in their subject."""
    words = (summary["subject"].replace(",", " ").split() for summary in summaries(instance) if _confirms(summary))
    return Counter(word.strip(".:!") for subject in words for word in subject if word.startswith("UM-"))


def _confirms(summary: dict[str, Any]) -> bool:
    return "is confirmed" in summary["subject"]


def _expect_none(run: Run, what: str, ids: list[str]) -> None:
    examples = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    run.expect(not ids, f"{len(ids)} orders {what}: {examples}")
