"""Audit service: append-only, hash-chained audit trail."""
