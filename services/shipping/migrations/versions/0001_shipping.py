"""Zones, methods and rates; shipments and their stations."""

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
        "zones",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("countries", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
    )
    op.create_table(
        "methods",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("carrier", sa.Text, nullable=False),
    )
    op.create_table(
        "rates",
        sa.Column("method", sa.Text, sa.ForeignKey("methods.code"), primary_key=True),
        sa.Column("zone", sa.Text, sa.ForeignKey("zones.id"), primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("base", sa.BigInteger, nullable=False),
        sa.Column("per_kg", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("free_above", sa.BigInteger),
        sa.Column("max_weight_g", sa.Integer),
        sa.Column("days_min", sa.Integer, nullable=False),
        sa.Column("days_max", sa.Integer, nullable=False),
    )
    op.create_table(
        "shipments",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("order_id", UUID(as_uuid=False), nullable=False, index=True),
        sa.Column("user_id", sa.Text),
        sa.Column("vendor_id", sa.Text),
        sa.Column("method", sa.Text),
        sa.Column("carrier", sa.Text, nullable=False),
        sa.Column("tracking_number", sa.Text, nullable=False, unique=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("items", JSONB, nullable=False),
        sa.Column("address", JSONB),
        _moment("created_at"),
        _moment("updated_at"),
    )
    op.create_table(
        "stations",
        sa.Column("position", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("shipment_id", UUID(as_uuid=False), sa.ForeignKey("shipments.id"), nullable=False, index=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("message", sa.Text),
        _moment("at"),
    )


def downgrade() -> None:
    for table in ("stations", "shipments", "rates", "methods", "zones"):
        op.drop_table(table)
