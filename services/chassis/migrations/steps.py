"""Migration steps: a PostgreSQL schema per service with Alembic revisions, MongoDB indexes, initial rows."""

import importlib
import inspect
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from services.chassis.migrations import mongo_users, roles
from services.chassis.stores import mongo, postgres, tables

_HERE = Path(__file__).parent
_SERVICES = _HERE.parents[1]


def _alembic(service: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_SERVICES / service / "migrations" / "versions"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade_postgres(service: str, url: str, schema: str | None = None) -> None:
    """Create the schema and the chassis's tables, and run the service's revisions. Idempotent, safe to run at once."""
    if schema is None:
        schema = service
        roles.ensure_role(service, url)
    engine = create_engine(postgres.service_url(url, schema))
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": f"migrate:{schema}"})
            connection.execute(text(f'create schema if not exists "{schema}"'))
            tables.metadata.create_all(connection)
            connection.execute(text(tables.WAKE_THE_RELAY))
            config = _alembic(service)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if schema == service:
                roles.grant(connection, service, schema, _role_of(service))
    finally:
        engine.dispose()


def _role_of(service: str) -> str | None:
    """The role that the service's stores work as, where it is not the one that they sign in with."""
    return next((store.role for store in stores_of(service, postgres.PostgresStore) if store.role), None)


def postgres_is_current(service: str, url: str) -> bool:
    """Whether the newest revision of the service is applied."""
    engine = create_engine(postgres.service_url(url, service))
    try:
        with engine.connect() as connection:
            return _revision(connection) == ScriptDirectory.from_config(_alembic(service)).get_current_head()
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def stores_of(service: str, base: type[Any]) -> list[type[Any]]:
    """The store classes of a service that build on `base`."""
    module = importlib.import_module(f"services.{service}.store")
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, base) and value.__module__.startswith(f"services.{service}.")
    ]


def seed_postgres(service: str, url: str) -> None:
    for store_class in stores_of(service, postgres.PostgresStore):
        store = postgres.open_store(store_class, url, service)
        store.seed()
        store.close()


def prepare_mongo(service: str, url: str) -> None:
    """Users, indexes and first documents of a service's MongoDB store."""
    mongo_users.ensure_users(service, url)
    for store_class in stores_of(service, mongo.MongoStore):
        store = mongo.open_store(store_class, url, mongo.database_name(service))
        store.indexes()
        store.seed()
        store.client.close()
