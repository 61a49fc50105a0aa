"""Status, groups and last login of accounts; ends of sessions; second factors, API keys, revocations, attempts."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = """
ALTER TABLE accounts ADD COLUMN status text NOT NULL DEFAULT 'active',
    ADD COLUMN groups text[] NOT NULL DEFAULT '{}',
    ADD COLUMN last_login_at timestamptz;
CREATE INDEX accounts_created_at ON accounts (created_at DESC, id DESC);
CREATE INDEX accounts_last_login_at ON accounts (last_login_at DESC NULLS LAST, id DESC);
CREATE INDEX accounts_email_prefix ON accounts (email_key text_pattern_ops);
CREATE INDEX accounts_first_name_prefix ON accounts (lower(first_name) text_pattern_ops);
CREATE INDEX accounts_last_name_prefix ON accounts (lower(last_name) text_pattern_ops);
CREATE INDEX sessions_open ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX accounts_roles ON accounts USING gin (roles);
CREATE INDEX accounts_groups ON accounts USING gin (groups);
CREATE INDEX accounts_status ON accounts (status) WHERE status <> 'active';
ALTER TABLE sessions ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
    ADD COLUMN second_factor_at timestamptz;
CREATE TABLE second_factors (
    user_id uuid PRIMARY KEY REFERENCES accounts, secret text NOT NULL, confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0);
CREATE TABLE recovery_codes (
    user_id uuid REFERENCES accounts, digest text, used_at timestamptz, PRIMARY KEY (user_id, digest));
CREATE TABLE api_keys (
    id uuid PRIMARY KEY, digest text NOT NULL UNIQUE, prefix text NOT NULL, name text NOT NULL,
    created_by uuid NOT NULL REFERENCES accounts, service_account boolean NOT NULL DEFAULT false,
    scopes text[] NOT NULL, requests_per_minute integer, created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz, last_used_at timestamptz, deleted_at timestamptz);
CREATE INDEX api_keys_created_by ON api_keys (created_by);
CREATE TABLE revocations (
    session_id uuid PRIMARY KEY, expires_at timestamptz NOT NULL, published boolean NOT NULL DEFAULT false);
CREATE INDEX revocations_expires_at ON revocations (expires_at);
CREATE INDEX revocations_unpublished ON revocations (session_id) WHERE NOT published;
CREATE TABLE login_attempts (key text PRIMARY KEY, failures integer NOT NULL, last_at timestamptz NOT NULL);
CREATE INDEX login_attempts_last_at ON login_attempts (last_at);
CREATE TABLE groups (name text PRIMARY KEY, title text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE spending (user_id uuid, currency text, amount bigint NOT NULL, PRIMARY KEY (user_id, currency));
CREATE INDEX spending_amount ON spending (currency, amount DESC);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";"):
        if statement.strip():
            op.execute(statement)
