"""Queries of payments: payments and their claims, attempts, refunds, webhooks."""

from services.payments.store.payment_store import PaymentStore

__all__ = ["PaymentStore"]
