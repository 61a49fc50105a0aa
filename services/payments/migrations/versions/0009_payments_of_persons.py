"""Indexes to find a person's payments by."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FIELDS = ("customer_id", "email")


def upgrade() -> None:
    for name in FIELDS:
        op.create_index(f"payments_by_{name}", "payments", [name], postgresql_where=sa.text(f"{name} is not null"))


def downgrade() -> None:
    for name in FIELDS:
        op.drop_index(f"payments_by_{name}", "payments")
