"""Keys of persons, and the deletion of the oldest entries by retention."""

import sqlalchemy as sa
from alembic import op

from services.audit.models import ROLE

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_keys",
        sa.Column("person_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("email_digest", sa.Text, index=True),
    )
    op.execute(f"grant select, insert, update, delete on person_keys to {ROLE}")
    op.execute(
        """
        create or replace function refuse_change() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE' and current_setting('ultramarket.retention', true) = 'on'
                and current_user = (select tableowner from pg_tables
                                    where schemaname = tg_table_schema and tablename = tg_table_name) then
                return null;
            end if;
            raise exception 'the audit trail only grows: % of % is refused', tg_op, tg_table_name
                using errcode = 'insufficient_privilege';
        end $$
        """
    )
    # Runs as the owner of the tables: the service's role can't delete. It can only remove what is older than the
    # shortest retention, from the beginning of the chain up to a checkpoint, which then vouches for the rest.
    op.execute(
        """
        create function delete_old_entries(keep interval) returns bigint
        language plpgsql security definer set search_path from current as $$
        declare
            last_seq bigint;
            deleted bigint;
        begin
            if keep < interval '90 days' then
                raise exception 'entries are kept for 90 days at least' using errcode = 'insufficient_privilege';
            end if;
            select max(c.seq) into last_seq from checkpoints c join entries e on e.seq = c.seq
                where (e.doc ->> 'at')::timestamptz < now() - keep;
            if last_seq is null then
                return 0;
            end if;
            perform set_config('ultramarket.retention', 'on', true);
            delete from entries where seq < last_seq;
            get diagnostics deleted = row_count;
            delete from checkpoints where seq < last_seq;
            perform set_config('ultramarket.retention', 'off', true);
            return deleted;
        end $$
        """
    )
    op.execute("revoke all on function delete_old_entries(interval) from public")
    op.execute(f"grant execute on function delete_old_entries(interval) to {ROLE}")


def downgrade() -> None:
    op.execute("drop function delete_old_entries(interval)")
    op.drop_table("person_keys")
