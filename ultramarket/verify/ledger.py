"""The ledger is balanced, and says what the payments say."""

from typing import Final

from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

_UNBALANCED: Final = """
    select e.id::text, e.kind, p.currency, sum(p.debit) as debit, sum(p.credit) as credit
    from payments.ledger_entries e join payments.ledger_postings p on p.entry_id = e.id
    group by e.id, e.kind, p.currency
"""
_EMPTY: Final = """
    select e.id::text from payments.ledger_entries e
    where not exists (select from payments.ledger_postings p where p.entry_id = e.id)
"""
_BY_PAYMENT: Final = """
    select p.id::text, p.captured, p.refunded, p.currency,
           coalesce(sum(case when e.kind = 'capture' then l.debit end), 0) as captured_in_ledger,
           coalesce(sum(case e.kind when 'refund' then l.credit when 'refund_failed' then -l.debit end), 0)
               as refunded_in_ledger
    from payments.payments p
    left join payments.ledger_entries e on e.payment_id = p.id and e.kind in ('capture', 'refund', 'refund_failed')
    left join payments.ledger_postings l on l.entry_id = e.id and l.account = 'provider_clearing'
    group by p.id
"""
_PARTS: Final = """
    with in_ledger as (
        select e.payment_id,
               sum(case l.account when 'tax_payable' then l.credit - l.debit else 0 end) as tax,
               sum(case l.account when 'shipping_income' then l.credit - l.debit else 0 end) as shipping,
               sum(case l.account when 'disputes' then l.debit - l.credit else 0 end) as disputed,
               sum(case when l.account = 'fees' and e.kind like 'dispute%%' then l.debit - l.credit else 0 end)
                   as dispute_fees
        from payments.ledger_entries e join payments.ledger_postings l on l.entry_id = e.id
        group by e.payment_id
    ), disputed as (
        select payment_id, sum(withdrawn) as withdrawn, sum(fee) as fee from payments.disputes group by payment_id
    )
    select p.id::text, part.name, part.amount, coalesce(part.in_ledger, 0) as in_ledger
    from payments.payments p
    left join in_ledger l on l.payment_id = p.id
    left join disputed d on d.payment_id = p.id
    cross join lateral (values
        ('tax', p.captured_tax - p.refunded_tax, l.tax),
        ('shipping', p.captured_shipping - p.refunded_shipping, l.shipping),
        ('withdrawn for disputes', coalesce(d.withdrawn, 0), l.disputed),
        ('fees of disputes', coalesce(d.fee, 0), l.dispute_fees)
    ) as part (name, amount, in_ledger)
    where part.amount <> coalesce(part.in_ledger, 0)
"""
_VENDORS: Final = """
    with owed as (
        select p.id as payment_id, share.vendor_id, sum(share.payable) as amount
        from payments.payments p
        cross join lateral (
            select key, (value ->> 'payable')::bigint from jsonb_each(p.captured_vendors)
            union all
            select key, -(value ->> 'payable')::bigint from jsonb_each(p.refunded_vendors)
        ) as share (vendor_id, payable)
        group by p.id, share.vendor_id
    ), posted as (
        select e.payment_id, l.vendor_id, sum(l.credit - l.debit) as amount
        from payments.ledger_postings l join payments.ledger_entries e on e.id = l.entry_id
        where l.account = 'vendor_payable'
        group by e.payment_id, l.vendor_id
    )
    select payment_id::text as id, vendor_id, coalesce(owed.amount, 0) as amount,
           coalesce(posted.amount, 0) as in_ledger
    from owed full join posted using (payment_id, vendor_id)
    where coalesce(owed.amount, 0) <> coalesce(posted.amount, 0)
"""


def check_ledger(stores: Stores) -> CheckResult:
    """Each entry is balanced in each currency; captures and refunds of each payment equal the payment's, and so do tax,
    shipping, disputes with their fees, and what vendors are owed.
    """
    result = CheckResult("ledger")
    for row in stores.rows(_UNBALANCED):
        result.examined += 1
        if row.debit != row.credit:
            result.add(row.id, f"{row.kind}: {row.debit} debited and {row.credit} credited in {row.currency}")
    for row in stores.rows(_EMPTY):
        result.add(row.id, "entry without postings")
    for row in stores.rows(_BY_PAYMENT):
        if (row.captured, row.refunded) != (row.captured_in_ledger, row.refunded_in_ledger):
            there = f"{row.captured_in_ledger} and {row.refunded_in_ledger}"
            result.add(row.id, f"{row.captured} captured and {row.refunded} refunded, in the ledger {there}")
    for row in stores.rows(_PARTS):
        result.add(row.id, f"{row.name}: {row.amount}, in the ledger {row.in_ledger}")
    for row in stores.rows(_VENDORS):
        result.add(row.id, f"vendor {row.vendor_id} is owed {row.amount}, in the ledger {row.in_ledger}")
    return result
