"""Audit: who did what to which thing, when and from where; append-only, chained by hashes."""
