"""Payments and the payment provider agree: each charge has one payment, and nothing is charged twice."""

from typing import Any, Final

from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

STATUS_AT_PROVIDER: Final = {
    "authorized": ("authorized",),
    "captured": ("captured",),
    "partially_refunded": ("captured",),
    "refunded": ("captured",),
    "voided": ("voided", "declined"),
    "requires_action": ("requires_action",),
    "declined": ("declined", "voided", "requires_action"),
}
"""Statuses of the sandbox's charge by status of its payment."""
_CHARGES = """
    select coalesce(p.id::text, c.id) as id, p.id is not null as has_payment, c.id as charge, p.status, p.amount,
           p.currency, p.captured, p.refunded, p.reference, p.order_id::text, c.status as at_provider,
           c.amount as charge_amount, c.currency as charge_currency, coalesce(c.captured, 0) as charge_captured,
           coalesce(c.refunded, 0) as charge_refunded
    from (select * from payments.payments where provider = 'sandbox') p
    full join payments.sandbox_charges c on c.id = p.reference
"""
_OTHER_PROVIDERS = "select count(*) as payments from payments.payments where provider <> 'sandbox'"


def check_provider(stores: Stores) -> CheckResult:
    """The sandbox's charges equal our payments. Payments of other providers are compared by the payments service."""
    result = CheckResult("payments and provider")
    kept_by_order: dict[str, list[str]] = {}
    for row in stores.rows(_CHARGES):
        result.examined += 1
        for message in charge_breaches(row):
            result.add(row.id, message)
        if row.order_id and row.charge_captured > row.charge_refunded:
            kept_by_order.setdefault(row.order_id, []).append(row.charge)
    for order_id, charges in kept_by_order.items():
        if len(charges) > 1:
            result.add(order_id, f"charged {len(charges)} times: {', '.join(charges)}")
    others = stores.all(_OTHER_PROVIDERS)[0].payments
    if others:
        result.note = f"{others} payments of other providers: compared by the service's reconciliation"
    return result


def charge_breaches(row: Any) -> list[str]:
    """The differences between a payment and its charge."""
    if not row.has_payment:
        kept = row.charge_captured - row.charge_refunded
        return [f"charge holds {kept} {row.charge_currency}, and belongs to no payment"] if kept else []
    if row.charge is None:
        return [f"{row.captured} captured, and the provider has no charge"] if row.captured else []
    wrong = []
    if row.at_provider not in STATUS_AT_PROVIDER.get(row.status, (row.at_provider,)):
        wrong.append(f"is {row.status}, at the provider {row.at_provider}")
    if (row.amount, row.currency) != (row.charge_amount, row.charge_currency):
        wrong.append(f"is {row.amount} {row.currency}, at the provider {row.charge_amount} {row.charge_currency}")
    if (row.captured, row.refunded) != (row.charge_captured, row.charge_refunded):
        there = f"{row.charge_captured} and {row.charge_refunded}"
        wrong.append(f"{row.captured} captured and {row.refunded} refunded, at the provider {there}")
    return wrong
