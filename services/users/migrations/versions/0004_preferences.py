"""Preferences of profiles: currency, time zone, consent to marketing."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table profiles add column currency text, add column time_zone text,"
        " add column marketing boolean not null default false"
    )


def downgrade() -> None:
    op.execute("alter table profiles drop column currency, drop column time_zone, drop column marketing")
