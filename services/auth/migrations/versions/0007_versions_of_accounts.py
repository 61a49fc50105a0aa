"""Versions of accounts, for `If-Match` of administrators' changes."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN version integer NOT NULL DEFAULT 1")
