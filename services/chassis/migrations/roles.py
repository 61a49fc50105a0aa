"""PostgreSQL roles of the services: each may read and change the rows of its own schema, and nothing else.

A service's role and password are those of its own URL (`ULTRAMARKET_POSTGRES_URL_ORDERS`). Without such a URL the
service works as the role that migrates, which owns everything.
"""

import psycopg2.extensions
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.engine import make_url

from services.chassis.runtime.settings import own_urls
from services.chassis.stores import postgres, tables


def own_url(service: str) -> URL | None:
    """The URL with the service's own role, where it has one."""
    url = own_urls(service).get("postgres_url")
    return make_url(url) if url else None


def ensure_role(service: str, admin_url: str) -> None:
    """Create the service's role, or give it the password of its URL. Idempotent, safe to run at once."""
    own, admin = own_url(service), make_url(admin_url)
    if own is None or not own.username or own.username == admin.username:
        return
    engine = create_engine(postgres.service_url(admin_url, "public"))
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext('migrate:roles'))"))
            _create(connection, own.username, str(own.password or ""))
    finally:
        engine.dispose()


def _create(connection: Connection, name: str, password: str) -> None:
    # Encrypted here, so that the password is in no statement that the server may log.
    driver = connection.connection.dbapi_connection
    secret = psycopg2.extensions.encrypt_password(password, name, scope=driver, algorithm="scram-sha-256")  # type: ignore[arg-type]
    exists = connection.execute(text("select from pg_roles where rolname = :name"), {"name": name}).rowcount
    action = "alter" if exists else "create"
    attributes = "login nosuperuser nocreatedb nocreaterole noreplication"
    connection.exec_driver_sql(f"{action} role {_quoted(name)} {attributes} password '{secret}'")
    database = connection.execute(text("select current_database()")).scalar_one()
    connection.exec_driver_sql(f"revoke all on database {_quoted(database)} from public")
    connection.exec_driver_sql(f"grant connect on database {_quoted(database)} to {_quoted(name)}")


def grant(connection: Connection, service: str, schema: str, works_as: str | None) -> None:
    """Let the service's role work in the migrated schema.

    A store that works as a role of its own (`PostgresStore.role`) has its grants in its migrations: the service's role
    becomes a member, and gets what the relay needs.
    """
    own = own_url(service)
    if own is None or not own.username or own.username == _current_user(connection):
        return
    role, space = _quoted(own.username), _quoted(schema)
    connection.exec_driver_sql(f"grant usage on schema {space} to {role}")
    for table in (tables.outbox, tables.outbox_for_bridge):
        connection.exec_driver_sql(f"grant select, insert, update, delete on {space}.{table.name} to {role}")
    if works_as is None:
        connection.exec_driver_sql(f"grant select, insert, update, delete on all tables in schema {space} to {role}")
        connection.exec_driver_sql(f"grant usage on all sequences in schema {space} to {role}")
        connection.exec_driver_sql(f"revoke insert, update, delete on {space}.alembic_version from {role}")
    elif works_as != own.username:
        connection.exec_driver_sql(f"grant {_quoted(works_as)} to {role}")


def _current_user(connection: Connection) -> str:
    return str(connection.execute(text("select current_user")).scalar_one())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
