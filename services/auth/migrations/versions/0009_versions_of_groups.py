"""Versions of groups, for `If-Match` of administrators' changes."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE groups ADD COLUMN version integer NOT NULL DEFAULT 1")
