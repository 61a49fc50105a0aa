"""Subscriptions, secrets, deliveries and chains."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _id(name: str, **options: Any) -> sa.Column:
    return sa.Column(name, UUID(as_uuid=False), **options)


def _moment(name: str, *, now: bool = False) -> sa.Column:
    default: dict[str, Any] = {"nullable": False, "server_default": sa.func.now()} if now else {}
    return sa.Column(name, sa.DateTime(timezone=True), **default)


def _subscription(**options: Any) -> sa.Column:
    return sa.Column(
        "subscription_id",
        UUID(as_uuid=False),
        sa.ForeignKey("subscriptions.id", ondelete="CASCADE"),
        nullable=False,
        **options,
    )


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        _id("id", primary_key=True),
        sa.Column("owner_id", sa.Text, nullable=False, index=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        _moment("disabled_at"),
        sa.Column("disabled_reason", sa.Text),
        _moment("created_at", now=True),
        _moment("updated_at", now=True),
    )
    op.create_table(
        "secrets",
        _id("id", primary_key=True),
        _subscription(index=True),
        sa.Column("secret", sa.Text, nullable=False),
        _moment("created_at", now=True),
        _moment("expires_at"),
    )
    op.create_table(
        "deliveries",
        _id("id", primary_key=True),
        sa.Column("position", sa.BigInteger, sa.Identity(), nullable=False),
        _subscription(),
        sa.Column("chain", sa.Text, nullable=False),
        _id("event_id", nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        _id("user_id"),
        sa.Column("email", sa.Text),
        _id("replay_of"),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("headers", JSONB),
        sa.Column("reply_status", sa.Integer),
        sa.Column("reply_body", sa.Text),
        sa.Column("reply_ms", sa.Integer),
        sa.Column("error", sa.Text),
        _moment("created_at", now=True),
        _moment("last_attempt_at"),
        _moment("delivered_at"),
    )
    is_first, is_pending, has_person = (
        sa.text("replay_of is null"),
        sa.text("status = 'pending'"),
        sa.text("user_id is not null"),
    )
    op.create_index(
        "one_delivery_per_event", "deliveries", ["subscription_id", "event_id"], unique=True, postgresql_where=is_first
    )
    op.create_index(
        "pending_deliveries", "deliveries", ["subscription_id", "chain", "position"], postgresql_where=is_pending
    )
    op.create_index("deliveries_of_subscription", "deliveries", ["subscription_id", "position"])
    op.create_index("deliveries_of_person", "deliveries", ["user_id"], postgresql_where=has_person)
    op.create_index("deliveries_of_guest", "deliveries", ["email"], postgresql_where=sa.text("email is not null"))
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_table(
        "chains",
        _subscription(primary_key=True),
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        _id("lease"),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        _moment("failing_since"),
    )
    op.create_index("due_chains", "chains", ["subscription_id", "due"])
    op.create_index("leased_chains", "chains", ["subscription_id"], postgresql_where=sa.text("lease is not null"))


def downgrade() -> None:
    for table in ("chains", "deliveries", "secrets", "subscriptions"):
        op.drop_table(table)
