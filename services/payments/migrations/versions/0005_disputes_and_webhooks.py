"""Disputes; webhooks are stored as they came, and processed until their payment is known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "disputes",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("payment_id", UUID(as_uuid=False), sa.ForeignKey("payments.id"), nullable=False, index=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("blocks_refunds", sa.Boolean, nullable=False),
        sa.Column("withdrawn", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("fee", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("movements", sa.Integer, nullable=False, server_default="0"),
        sa.Column("evidence_due_at", sa.DateTime(timezone=True)),
        _moment("opened_at"),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("payment_id", "reference"),
        sa.CheckConstraint(
            "status in ('inquiry', 'needs_response', 'under_review', 'won', 'lost')", name="dispute_status_is_known"
        ),
    )
    op.create_index("captured_payments", "payments", ["checked_at"], postgresql_where=sa.text("captured > 0"))
    op.add_column("webhooks", sa.Column("body", sa.LargeBinary))
    op.add_column("webhooks", sa.Column("status", sa.Text, nullable=False, server_default="processed"))
    op.add_column("webhooks", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.add_column("webhooks", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.create_index("pending_webhooks", "webhooks", ["due_at"], postgresql_where=sa.text("status = 'pending'"))
    op.add_column("sandbox_charges", sa.Column("captured_at", sa.DateTime(timezone=True)))
    op.add_column("sandbox_charges", sa.Column("dispute_status", sa.Text))
    op.add_column("sandbox_charges", sa.Column("dispute_amount", sa.BigInteger))
    op.add_column("sandbox_charges", sa.Column("disputed_at", sa.DateTime(timezone=True)))
    op.create_index(
        "sandbox_disputes",
        "sandbox_charges",
        ["captured_at"],
        postgresql_where=sa.text("token = 'pm_sandbox_dispute' or dispute_status is not null"),
    )
    op.create_index(
        "sandbox_bank_refunds", "sandbox_refunds", ["created_at"], postgresql_where=sa.text("refund_id is null")
    )


def downgrade() -> None:
    op.drop_index("sandbox_bank_refunds", "sandbox_refunds")
    op.drop_index("sandbox_disputes", "sandbox_charges")
    for column in ("disputed_at", "dispute_amount", "dispute_status", "captured_at"):
        op.drop_column("sandbox_charges", column)
    op.drop_index("pending_webhooks", "webhooks")
    for column in ("due_at", "attempts", "status", "body"):
        op.drop_column("webhooks", column)
    op.drop_index("captured_payments", "payments")
    op.drop_table("disputes")
