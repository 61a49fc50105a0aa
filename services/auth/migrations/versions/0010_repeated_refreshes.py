"""The request that used a refresh token, and its predecessor: a repetition of this request is not reuse."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table refresh_tokens add column used_by text, add column predecessor text")


def downgrade() -> None:
    op.execute("alter table refresh_tokens drop column used_by, drop column predecessor")
