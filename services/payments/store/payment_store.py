"""The store of payments, of all its parts."""

from services.payments.store.attempts import AttemptQueries
from services.payments.store.ledger import LedgerQueries
from services.payments.store.payments import PaymentQueries
from services.payments.store.refunds import RefundQueries
from services.payments.store.webhooks import WebhookQueries


class PaymentStore(PaymentQueries, AttemptQueries, RefundQueries, LedgerQueries, WebhookQueries):
    """Payments, their attempts and refunds, the ledger, and the providers' webhooks."""
