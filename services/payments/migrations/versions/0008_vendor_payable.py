"""Vendors' shares of payments and refunds; postings to `vendor_payable` have the vendor."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SHARES = (
    ("payments", "vendors"),
    ("payments", "captured_vendors"),
    ("payments", "refunded_vendors"),
    ("refunds", "vendors"),
)


def upgrade() -> None:
    for table, column in SHARES:
        op.add_column(table, sa.Column(column, JSONB, nullable=False, server_default="{}"))
    op.add_column("ledger_postings", sa.Column("vendor_id", sa.Text))
    op.create_check_constraint(
        "vendor_of_payable", "ledger_postings", "(account = 'vendor_payable') = (vendor_id is not null)"
    )
    op.create_index(
        "postings_by_vendor",
        "ledger_postings",
        ["vendor_id", "currency"],
        postgresql_where=sa.text("vendor_id is not null"),
    )


def downgrade() -> None:
    op.drop_index("postings_by_vendor", "ledger_postings")
    op.drop_constraint("vendor_of_payable", "ledger_postings")
    op.drop_column("ledger_postings", "vendor_id")
    for table, column in SHARES:
        op.drop_column(table, column)
