"""Versions of profiles and addresses, for `If-Match`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("profiles", "addresses"):
        op.add_column(table, sa.Column("version", sa.Integer, nullable=False, server_default="1"))


def downgrade() -> None:
    for table in ("profiles", "addresses"):
        op.drop_column(table, "version")
