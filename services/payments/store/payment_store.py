"""The store of payments, of all its parts."""

from services.payments.store.attempts import AttemptQueries
from services.payments.store.disputes import DisputeQueries
from services.payments.store.ledger import LedgerQueries
from services.payments.store.outcomes import OutcomeQueries
from services.payments.store.payments import PaymentQueries
from services.payments.store.persons import PersonQueries
from services.payments.store.refunds import RefundQueries
from services.payments.store.webhooks import WebhookQueries


class PaymentStore(
    PaymentQueries,
    AttemptQueries,
    OutcomeQueries,
    RefundQueries,
    DisputeQueries,
    LedgerQueries,
    WebhookQueries,
    PersonQueries,
):
    """Payments, their attempts, refunds and disputes, the ledger, and the providers' webhooks."""
