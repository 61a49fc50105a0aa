"""Identities at other providers that accounts are signed in with."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create table identities (id uuid primary key, user_id uuid not null references accounts, issuer text not null,"
        " subject text not null, provider text not null, email text not null,"
        " created_at timestamptz not null default now(), last_used_at timestamptz not null default now(),"
        " unique (issuer, subject))"
    )
    op.execute("create index identities_user_id on identities (user_id)")


def downgrade() -> None:
    op.execute("drop table identities")
