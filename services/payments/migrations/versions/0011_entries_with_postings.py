"""Let an entry and its postings be written by one statement: the check of postings runs when it ends."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TRIGGER = "for each row execute function check_ledger_entry_is_new()"


def upgrade() -> None:
    op.execute("drop trigger ledger_entry_is_new on ledger_postings")
    op.execute(f"create trigger ledger_entry_is_new after insert on ledger_postings {TRIGGER}")


def downgrade() -> None:
    op.execute("drop trigger ledger_entry_is_new on ledger_postings")
    op.execute(f"create trigger ledger_entry_is_new before insert on ledger_postings {TRIGGER}")
