"""PostgreSQL's counts by statement."""

from collections.abc import Callable
from typing import Any

import psycopg2

from ultramarket.instance import Instance


def load_statements(instance: Instance, ultramarket: Callable[..., str]) -> None:
    """Load pg_stat_statements, which PostgreSQL can do at its start only: it is restarted, once."""
    url = instance.url("postgres")

    def execute(*statements: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    if "pg_stat_statements" not in execute("show shared_preload_libraries")[0][0]:
        execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
        ultramarket("restart", "postgres")
    execute("create extension if not exists pg_stat_statements", "select pg_stat_statements_reset()")
