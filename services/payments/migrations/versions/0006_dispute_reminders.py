"""Disputes: when the shop was reminded that its evidence is due."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("disputes", sa.Column("reminded_at", sa.DateTime(timezone=True)))
    op.create_index(
        "disputes_to_remind_of",
        "disputes",
        ["evidence_due_at"],
        postgresql_where=sa.text("reminded_at is null and status in ('inquiry', 'needs_response')"),
    )


def downgrade() -> None:
    op.drop_index("disputes_to_remind_of", "disputes")
    op.drop_column("disputes", "reminded_at")
