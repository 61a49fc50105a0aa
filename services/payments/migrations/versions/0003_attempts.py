"""Operations are attempts, written before the provider is called; a payment is claimed, not locked, meanwhile."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.add_column("payments", sa.Column("claim", UUID(as_uuid=False)))
    op.add_column("payments", sa.Column("claimed_until", sa.DateTime(timezone=True)))
    op.add_column("payments", sa.Column("checked_at", sa.DateTime(timezone=True)))
    op.create_index(
        "open_payments",
        "payments",
        ["checked_at"],
        postgresql_where=sa.text("status in ('processing', 'requires_action')"),
    )
    op.create_table(
        "attempts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("payment_id", UUID(as_uuid=False), sa.ForeignKey("payments.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("refund_id", UUID(as_uuid=False)),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        _moment("started_at"),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("kind in ('authorise', 'capture', 'void', 'refund')", name="kind_is_known"),
        sa.CheckConstraint("status in ('pending', 'done', 'refused', 'failed')", name="status_is_known"),
    )
    op.create_index("attempts_of_payment", "attempts", ["payment_id", "kind"])
    op.create_index(
        "one_pending_attempt", "attempts", ["payment_id"], unique=True, postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index("pending_attempts", "attempts", ["started_at"], postgresql_where=sa.text("status = 'pending'"))
    op.add_column("refunds", sa.Column("requested", sa.BigInteger))
    op.add_column("refunds", sa.Column("origin", sa.Text, nullable=False, server_default="person"))
    op.execute("update refunds set requested = amount")
    op.drop_index("pending_refunds")
    op.create_index("refunds_by_reference", "refunds", ["payment_id", "reference"], unique=True)
    op.execute(
        "insert into attempts (key, payment_id, kind, number, amount, started_at) "
        "select id::text, id, 'authorise', 1, amount, created_at from payments where status = 'processing'"
    )
    op.execute(
        "insert into attempts (key, payment_id, kind, number, amount, refund_id, started_at) "
        "select distinct on (payment_id) id::text, payment_id, 'refund', 1, amount, id, created_at "
        "from refunds where status = 'pending' order by payment_id, created_at on conflict do nothing"
    )
    op.add_column("sandbox_charges", sa.Column("payment_id", UUID(as_uuid=False), index=True))
    op.create_table(
        "sandbox_refunds",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("charge_id", sa.Text, sa.ForeignKey("sandbox_charges.id"), nullable=False, index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("refund_id", sa.Text),
        _moment("created_at"),
    )


def downgrade() -> None:
    op.drop_table("sandbox_refunds")
    op.drop_column("sandbox_charges", "payment_id")
    op.drop_index("refunds_by_reference", "refunds")
    op.create_index("pending_refunds", "refunds", ["created_at"], postgresql_where=sa.text("status = 'pending'"))
    op.drop_column("refunds", "origin")
    op.drop_column("refunds", "requested")
    op.drop_table("attempts")
    op.drop_index("open_payments", "payments")
    for column in ("checked_at", "claimed_until", "claim"):
        op.drop_column("payments", column)
