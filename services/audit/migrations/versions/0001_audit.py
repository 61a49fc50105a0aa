"""Entries and checkpoints: append-only, by trigger and by a role that may only read and add."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROLE = "ultramarket_audit"


def upgrade() -> None:
    op.create_table(
        "entries",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", UUID(as_uuid=False), nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("doc", JSONB, sa.Computed("body::jsonb", persisted=True)),
    )
    op.create_table(
        "checkpoints",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    op.execute("create index entries_by_time on entries ((doc ->> 'at'), seq)")
    op.execute("create index entries_by_actor on entries ((doc #>> '{actor,id}'), seq)")
    op.execute("create index entries_by_action on entries ((doc ->> 'action'), seq)")
    op.execute(
        "create index entries_by_resource on entries ((doc #>> '{resource,id}'), (doc #>> '{resource,type}'), seq)"
    )
    op.execute("create index entries_by_type on entries ((doc #>> '{resource,type}'), seq)")
    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'the audit trail only grows: % of % is refused', tg_op, tg_table_name
                using errcode = 'insufficient_privilege';
        end $$
        """
    )
    for table in ("entries", "checkpoints"):
        op.execute(
            f"create trigger only_grows before update or delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    _let_the_service_in()


def _let_the_service_in() -> None:
    """Roles belong to the whole server: several schemas (tests) share this one."""
    op.execute(
        f"""
        do $$ begin
            if not exists (select from pg_roles where rolname = '{ROLE}') then
                create role {ROLE} nologin;
            end if;
            if not pg_has_role(current_user, '{ROLE}', 'member') then
                execute format('grant {ROLE} to %I', current_user);
            end if;
            execute format('grant usage on schema %I to {ROLE}', current_schema());
        exception when duplicate_object or unique_violation then null;  -- another schema made it at the same moment
        end $$
        """
    )
    op.execute(f"do $$ begin execute format('grant usage on schema %I to {ROLE}', current_schema()); end $$")
    op.execute(f"grant select, insert on entries, checkpoints to {ROLE}")
    op.execute(f"grant select, insert, delete on inbox, idempotency to {ROLE}")
