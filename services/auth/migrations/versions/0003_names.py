"""Account names follow the profile's, newest event last."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("named_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("accounts", "named_at")
