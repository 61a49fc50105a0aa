"""Queries on the payments of a person. The ledger and the payments stay, without the person's address."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select, update

from services.chassis.messaging.personal_data import as_json
from services.chassis.stores.postgres import PostgresStore
from services.payments.domain import PROCESSING
from services.payments.models import payments, refunds

PAYMENT: Final = ("id", "order_id", "provider", "status", "amount", "currency", "captured", "refunded", "created_at")
REFUND: Final = ("id", "payment_id", "amount", "status", "created_at")
AT_PROVIDER: Final = timedelta(seconds=30)
"""The longest time for which an authorisation's outcome is open."""


class PersonQueries(PostgresStore):
    """Payments by customer."""

    def payments_of_person(self, user_id: str, email: str | None) -> dict[str, list[dict[str, Any]]]:
        """Payments and refunds of an account, and of guests with this address."""
        mine = _of_person(user_id, email)
        queries = {
            "payments": select(*(payments.c[name] for name in PAYMENT)).where(mine),
            "refunds": select(*(refunds.c[name] for name in REFUND))
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(mine),
        }
        with self.reading() as connection:
            return {
                section: [as_json(row._mapping) for row in connection.execute(query)]
                for section, query in queries.items()
            }

    def remove_person(self, user_id: str, email: str | None) -> None:
        """Delete the address from a person's payments. Idempotent.

        Not from one that is with the provider just now: a retry must send the same (Stripe, idempotent requests).
        """
        settled = or_(payments.c.status != PROCESSING, payments.c.created_at < func.now() - AT_PROVIDER)
        with self.transaction() as session:
            session.execute(update(payments).where(_of_person(user_id, email), settled).values(email=None))


def _of_person(user_id: str, email: str | None) -> Any:
    of_account = payments.c.customer_id == user_id
    return of_account if email is None else or_(of_account, payments.c.email == email)
