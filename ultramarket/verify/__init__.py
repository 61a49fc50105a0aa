"""Verification of an instance's books: stock, orders, payments, ledger, shipments, events and read models agree."""
