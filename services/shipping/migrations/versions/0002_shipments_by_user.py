"""Index to find an account's shipments by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("shipments_of_user", "shipments", ["user_id"], postgresql_where=sa.text("user_id is not null"))


def downgrade() -> None:
    op.drop_index("shipments_of_user", "shipments")
