"""Index for the list of postings: by time, then entry."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("entries_in_order", "ledger_entries", ["at", "id"])


def downgrade() -> None:
    op.drop_index("entries_in_order", "ledger_entries")
