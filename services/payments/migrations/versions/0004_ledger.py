"""The double-entry ledger: entries and postings that only grow, and that are balanced at each commit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SHARES = ("tax", "shipping", "captured_tax", "captured_shipping", "refunded_tax", "refunded_shipping")
ACCOUNTS = (
    "'customer_receivable', 'provider_clearing', 'revenue', 'tax_payable', 'shipping_income', "
    "'refunds', 'fees', 'disputes', 'vendor_payable'"
)

CHECK_BALANCE = """
create function check_ledger_balance() returns trigger language plpgsql as $$
declare
    entry uuid;
    postings bigint;
    unbalanced text;
begin
    if tg_table_name = 'ledger_entries' then
        entry := new.id;
    else
        entry := new.entry_id;
    end if;
    select count(*) into postings from ledger_postings where entry_id = entry;
    select currency into unbalanced from ledger_postings where entry_id = entry
        group by currency having sum(debit) <> sum(credit) limit 1;
    if postings < 2 or unbalanced is not null then
        raise exception 'ledger entry % is not balanced %', entry, coalesce('in ' || unbalanced, '(no postings)')
            using errcode = 'check_violation';
    end if;
    return null;
end $$
"""
CHECK_ENTRY_IS_NEW = """
create function check_ledger_entry_is_new() returns trigger language plpgsql as $$
begin
    perform from ledger_entries where id = new.entry_id and transaction_id = pg_current_xact_id();
    if not found then
        raise exception 'ledger entry % is complete: nothing is posted to it later', new.entry_id
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$
"""
REFUSE_CHANGE = """
create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger only grows: % of % is refused', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end $$
"""


def upgrade() -> None:
    for column in SHARES:
        op.add_column("payments", sa.Column(column, sa.BigInteger, nullable=False, server_default="0"))
    for column in ("tax", "shipping"):
        op.add_column("refunds", sa.Column(column, sa.BigInteger, nullable=False, server_default="0"))
    op.create_check_constraint(
        "shares_are_parts", "payments", "tax >= 0 and shipping >= 0 and tax + shipping <= amount"
    )
    op.create_check_constraint(
        "refunded_shares_are_parts",
        "payments",
        "refunded_tax between 0 and captured_tax and refunded_shipping between 0 and captured_shipping",
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("reference", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payment_id", UUID(as_uuid=False), nullable=False, index=True),
        sa.Column("order_id", UUID(as_uuid=False), nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now(), index=True),
    )
    op.execute("alter table ledger_entries add transaction_id xid8 not null default pg_current_xact_id()")
    op.create_table(
        "ledger_postings",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("entry_id", UUID(as_uuid=False), sa.ForeignKey("ledger_entries.id"), nullable=False, index=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("debit", sa.BigInteger, nullable=False),
        sa.Column("credit", sa.BigInteger, nullable=False),
        sa.CheckConstraint(f"account in ({ACCOUNTS})", name="account_exists"),
        sa.CheckConstraint("debit >= 0 and credit >= 0 and (debit = 0) <> (credit = 0)", name="one_side"),
    )
    op.create_index("postings_by_account", "ledger_postings", ["account", "currency"])
    _post_what_was_captured_before()
    for function in (CHECK_BALANCE, CHECK_ENTRY_IS_NEW, REFUSE_CHANGE):
        op.execute(function)
    for table in ("ledger_entries", "ledger_postings"):
        op.execute(
            f"create constraint trigger {table}_balance after insert on {table} "
            "deferrable initially deferred for each row execute function check_ledger_balance()"
        )
        op.execute(
            f"create trigger {table}_only_grows before update or delete or truncate on {table} "
            "for each statement execute function refuse_ledger_change()"
        )
    op.execute(
        "create trigger ledger_entry_is_new before insert on ledger_postings "
        "for each row execute function check_ledger_entry_is_new()"
    )


def _post_what_was_captured_before() -> None:
    """Captures and refunds from before the ledger: their tax and shipping are not known, all of it is revenue."""
    for kind, debit, credit, amount in (
        ("sale", "customer_receivable", "revenue", "captured"),
        ("capture", "provider_clearing", "customer_receivable", "captured"),
        ("credit_note", "refunds", "customer_receivable", "refunded"),
        ("refund", "customer_receivable", "provider_clearing", "refunded"),
    ):
        op.execute(
            f"with posted as (insert into ledger_entries (id, reference, kind, payment_id, order_id, at) "
            f"select gen_random_uuid(), '{kind}:before:' || id, '{kind}', id, order_id, updated_at "
            f"from payments where {amount} > 0 returning id, payment_id) "
            f"insert into ledger_postings (id, entry_id, account, currency, debit, credit) "
            f"select gen_random_uuid(), posted.id, side.account, currency, "
            f"side.debit * {amount}, side.credit * {amount} "
            f"from posted join payments on payments.id = payment_id "
            f"cross join (values ('{debit}', 1, 0), ('{credit}', 0, 1)) as side (account, debit, credit)"
        )


def downgrade() -> None:
    op.drop_table("ledger_postings")
    op.drop_table("ledger_entries")
    for function in ("check_ledger_balance", "check_ledger_entry_is_new", "refuse_ledger_change"):
        op.execute(f"drop function {function}()")
    op.drop_constraint("refunded_shares_are_parts", "payments")
    op.drop_constraint("shares_are_parts", "payments")
    for column in SHARES:
        op.drop_column("payments", column)
    for column in ("tax", "shipping"):
        op.drop_column("refunds", column)
