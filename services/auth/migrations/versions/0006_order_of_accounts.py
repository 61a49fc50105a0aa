"""Indexes for the sorts of the account list: a column, then the id."""

from alembic import op

revision = "0006"
down_revision = "0005"

NEVER = "timestamptz '1970-01-01 00:00+00'"


def upgrade() -> None:
    op.execute("DROP INDEX accounts_last_login_at")
    op.execute(f"CREATE INDEX accounts_by_last_login ON accounts (coalesce(last_login_at, {NEVER}), id)")
    op.execute("CREATE INDEX accounts_by_email ON accounts (email_key, id)")
