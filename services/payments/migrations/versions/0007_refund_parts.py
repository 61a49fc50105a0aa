"""Refunds of lines: the tax and shipping in them, as the order knows them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refunds", sa.Column("parts", JSONB))


def downgrade() -> None:
    op.drop_column("refunds", "parts")
