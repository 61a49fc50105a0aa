"""The double-entry ledger, for administrators."""

from flask import Response

from gateway_flask.http.envelope import listing
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call
from schemas.api.ledger import AccountsQuery, EntriesQuery, LedgerAccount, LedgerLine
from schemas.rpc.payments import PaymentsRpc

api = Api("ledger", "Ledger", "The double-entry ledger of payments.", "/ledger")


@api.get("/accounts", reply=LedgerAccount, many=True)
def ledger_accounts(query: AccountsQuery) -> Response:
    """List the accounts by currency with their sums: a trial balance."""
    return listing(call(PaymentsRpc.ledger_accounts, query=query, caller=caller()), "Accounts")


@api.get("/entries", reply=LedgerLine, many=True)
def ledger_entries(query: EntriesQuery) -> Response:
    """List the postings of the ledger, the newest first."""
    return listing(call(PaymentsRpc.ledger_entries, query=query, caller=caller()), "Entries")
