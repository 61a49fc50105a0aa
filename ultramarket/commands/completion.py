"""Shell completion of process, service, setting and flag names."""

from collections.abc import Iterable
from contextlib import suppress

import typer

from ultramarket.instance import Instance, load

DEADLINE_SECONDS = 1.0


def instances(incomplete: str) -> list[str]:
    from ultramarket.instance import all_instances

    return _matching((instance.name for instance in all_instances()), incomplete)


def processes(context: typer.Context, incomplete: str) -> list[str]:
    """Servers, services and the processes that run several services."""
    from ultramarket.programs import process_names

    return _matching(process_names(_instance(context)), incomplete)


def services(incomplete: str) -> list[str]:
    """Services that consume events, and the bridge: each may have dead letters."""
    from ultramarket.dead_letters import consumers

    return _matching(consumers(), incomplete)


def settings(incomplete: str) -> list[str]:
    """Runtime settings."""
    from schemas.config_declarations import SETTINGS

    return _matching(SETTINGS, incomplete)


def flags(context: typer.Context, incomplete: str) -> list[str]:
    """Feature flags: those of the running instance, else the predefined ones."""
    from schemas.config_declarations import KILL_SWITCHES
    from services.chassis.common.errors import DomainError
    from ultramarket.commands.rpc import OPERATOR, rpc_client

    names = set(KILL_SWITCHES)
    with suppress(DomainError), rpc_client(_instance(context)) as client:  # not running: the predefined ones remain
        names |= {flag["name"] for flag in client.call("config", "flags", deadline=DEADLINE_SECONDS, caller=OPERATOR)}
    return _matching(sorted(names), incomplete)


def _instance(context: typer.Context) -> Instance:
    return load(context.find_root().params.get("instance") or "dev")


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
