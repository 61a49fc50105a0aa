"""Migrate all stores: `python -m services.chassis.migrations`; `--check` only reports what is pending."""

import sys

from services.chassis.migrations import steps
from services.chassis.runtime.registry import MONGO_SERVICES, POSTGRES_SERVICES
from services.chassis.runtime.settings import Settings, load


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def migrate(settings: Settings) -> None:
    """Run all migrations. Idempotent; safe to run several times at once."""
    for service in POSTGRES_SERVICES:
        steps.upgrade_postgres(service, settings.postgres_url)
        steps.seed_postgres(service, settings.postgres_url)
        _print(f"{service}: PostgreSQL schema is current")
    for service in MONGO_SERVICES:
        steps.prepare_mongo(service, settings.mongo_url)
        _print(f"{service}: MongoDB indexes are there")


def check(settings: Settings) -> int:
    """0 when everything is applied, otherwise 1, naming what is pending."""
    behind = [name for name in POSTGRES_SERVICES if not steps.postgres_is_current(name, settings.postgres_url)]
    for name in behind:
        _print(f"{name}: a migration is not applied; run `ultramarket up` or `python -m services.chassis.migrations`")
    return 1 if behind else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        raise SystemExit(check(load(Settings)))
    migrate(load(Settings))
