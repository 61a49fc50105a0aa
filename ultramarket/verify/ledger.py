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


def check_ledger(stores: Stores) -> CheckResult:
    """Each entry is balanced in each currency; captures and refunds of each payment equal the payment's."""
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
    return result
