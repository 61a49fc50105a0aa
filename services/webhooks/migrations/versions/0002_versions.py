"""Versions of subscriptions, for `If-Match`."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE subscriptions ADD COLUMN version integer NOT NULL DEFAULT 1")
