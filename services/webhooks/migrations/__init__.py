"""Alembic revisions of the webhooks schema."""
