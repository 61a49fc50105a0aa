"""Payments, refunds, webhooks seen, and the sandbox's own books."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("order_id", UUID(as_uuid=False), nullable=False, index=True),
        sa.Column("customer_id", sa.Text),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("captured", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("refunded", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("token", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("reference", sa.Text, index=True),
        sa.Column("decline_code", sa.Text),
        sa.Column("client_secret", sa.Text),
        _moment("created_at"),
        _moment("updated_at"),
        sa.CheckConstraint("captured <= amount", name="no_more_taken_than_promised"),
        sa.CheckConstraint("refunded <= captured", name="no_more_given_back_than_taken"),
    )
    op.create_table(
        "refunds",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("payment_id", UUID(as_uuid=False), sa.ForeignKey("payments.id"), nullable=False, index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("reference", sa.Text),
        _moment("created_at"),
    )
    op.create_table(
        "webhooks",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, primary_key=True),
        _moment("received_at"),
    )
    op.create_table(
        "sandbox_charges",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("captured", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("refunded", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("disputed", sa.Boolean, nullable=False, server_default=sa.false()),
        _moment("created_at"),
    )
    op.create_table(
        "sandbox_requests",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False, server_default="1"),
        sa.Column("reply", JSONB),
        _moment("created_at"),
    )


def downgrade() -> None:
    for table in ("sandbox_requests", "sandbox_charges", "webhooks", "refunds", "payments"):
        op.drop_table(table)
