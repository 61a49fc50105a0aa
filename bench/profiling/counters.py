"""Counters of the servers of an instance; the difference of two readings is what a load has made them do."""

import base64
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson
import psycopg2
import pymongo
import redis

from bench.profiling.kafka_batches import KafkaLog
from bench.wire import Connection
from ultramarket.instance import Instance
from ultramarket.servers.rabbitmq import SCRIPT, RabbitMQ

Reading = dict[str, Counter[str]]
"""Counts by name, by server."""

POSTGRES_TOTALS: Final = """
select 'commits', xact_commit from pg_stat_database where datname = current_database()
union all select 'rollbacks', xact_rollback from pg_stat_database where datname = current_database()
union all select 'log records (WAL)', wal_records from pg_stat_wal
union all select 'log kB (WAL)', wal_bytes / 1024 from pg_stat_wal
union all select 'log fsyncs', wal_sync from pg_stat_wal
union all select 'rows inserted', sum(n_tup_ins) from pg_stat_user_tables
union all select 'rows updated', sum(n_tup_upd) from pg_stat_user_tables
union all select 'rows deleted', sum(n_tup_del) from pg_stat_user_tables
"""
POSTGRES_STATEMENTS: Final = """
select regexp_replace(query, '\\s+', ' ', 'g'), sum(calls) from pg_stat_statements
join pg_database on pg_database.oid = dbid where datname = current_database() and calls > 0 group by 1
"""
RABBIT_TOTALS: Final = {
    "messages_received_total": "published",
    "messages_received_confirm_total": "published, with confirm",
    "messages_routed_total": "put into queues",
    "messages_unroutable_dropped_total": "dropped: no queue",
}
OWN: Final = ("serverStatus", "pg_stat_")
"""Reading counters is itself a command; such ones are left out."""


class Counters:
    """Connections to all servers of an instance that read their counters."""

    def __init__(self, instance: Instance) -> None:
        self._rabbit_environment = os.environ | RabbitMQ().environment(instance)
        self._mongo: Any = pymongo.MongoClient(instance.url("mongodb"))
        self._redis = redis.Redis.from_url(instance.url("redis"))
        self._postgres = psycopg2.connect(instance.url("postgres"))
        self._postgres.autocommit = True
        self._elasticsearch_url = urlsplit(instance.url("elasticsearch"))
        self._kafka = KafkaLog(instance.folder / "kafka" / "logs")
        self.has_statements = bool(self._rows("select 1 from pg_extension where extname = 'pg_stat_statements'"))

    def read(self) -> Reading:
        """The counters as they are now."""
        return {
            "MongoDB commands": self._mongodb(),
            "PostgreSQL": self._postgres_counts(POSTGRES_TOTALS),
            "PostgreSQL statements": self._postgres_counts(POSTGRES_STATEMENTS) if self.has_statements else Counter(),
            "RabbitMQ messages": self._rabbitmq(),
            "Redis commands": self._redis_commands(),
            "Elasticsearch": self._elasticsearch_totals(),
            "Kafka": self._kafka.read(),
        }

    def close(self) -> None:
        with ExitStack() as stack:
            for each in (self._mongo, self._redis, self._postgres):
                stack.callback(each.close)

    def _mongodb(self) -> Counter[str]:
        metrics = self._mongo.admin.command("serverStatus")["metrics"]
        counts: Counter[str] = Counter()
        for name, figures in metrics["commands"].items():
            if isinstance(figures, dict) and name not in OWN:
                counts[name] = int(figures.get("total", 0))
                if figures.get("pipeline"):
                    counts[f"{name} with a pipeline (of these)"] = int(figures["pipeline"])
        counts |= {f"documents {name}": int(number) for name, number in metrics["document"].items()}
        return Counter(counts)

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._postgres.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _postgres_counts(self, statement: str) -> Counter[str]:
        return Counter({name: int(number or 0) for name, number in self._rows(statement)})

    def _rabbitmq(self) -> Counter[str]:
        """Of the broker's global counters: the management plugin is not installed, and is not needed for them."""
        command = [str(SCRIPT.with_name("rabbitmqctl")), "--quiet", "eval", "rabbit_global_counters:overview()."]
        text = subprocess.run(
            command, env=self._rabbit_environment, capture_output=True, text=True, check=True, cwd="/", timeout=60
        ).stdout
        counts: Counter[str] = Counter()
        for name, label in RABBIT_TOTALS.items():
            counts[label] = sum(int(number) for number in re.findall(rf"\b{name} => (\d+)", text))
        for kind in ("classic", "quorum"):
            acked = re.search(rf"rabbit_{kind}_queue}}\] =>\s*#{{messages_acknowledged_total => (\d+)", text)
            counts[f"acknowledged, of {kind} queues"] = int(acked[1]) if acked else 0
        return counts

    def _redis_commands(self) -> Counter[str]:
        figures: Any = self._redis.info("commandstats")
        return Counter({name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in figures.items()})

    def _elasticsearch_totals(self) -> Counter[str]:
        url = self._elasticsearch_url
        client = Connection(url.hostname or "", url.port or 9200, prefix="")
        token = base64.b64encode(f"{unquote(url.username or '')}:{unquote(url.password or '')}".encode()).decode()
        reply = client.request(
            "GET", "/_stats/indexing,search,refresh,get", headers={"Authorization": f"Basic {token}"}
        )
        client.close()
        totals = orjson.loads(reply[2])["_all"]["total"]
        return Counter(
            {
                "documents indexed": totals["indexing"]["index_total"],
                "documents deleted": totals["indexing"]["delete_total"],
                "searches by shard": totals["search"]["query_total"],
                "refreshes": totals["refresh"]["total"],
                "gets": totals["get"]["total"],
            }
        )


@contextmanager
def counters_of(instance: Instance) -> Iterator[Counters]:
    """Counters that are closed in the end."""
    counters = Counters(instance)
    try:
        yield counters
    finally:
        counters.close()


def difference(before: Reading, after: Reading) -> dict[str, dict[str, float]]:
    """Counts between two readings, without those of the reading itself."""
    return {
        server: {
            name: float(number - before[server][name])
            for name, number in counts.items()
            if not any(each in name for each in OWN)
        }
        for server, counts in after.items()
    }
