"""RPC calls of the commands to the services of an instance."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from ultramarket.commands.context import exit_on_api_error, selected_instance
from ultramarket.instance import Instance

if TYPE_CHECKING:  # slow to import, and most commands need none
    from services.chassis.messaging.rpc_client import RpcClient


OPERATOR: Final = {"user_id": "operator", "roles": ["ADMIN"]}
"""The caller that commands act and are recorded under."""


@contextmanager
def rpc_client(instance: Instance) -> "Iterator[RpcClient]":
    """A client on the instance's broker, closed at the end of the block."""
    from services.chassis.messaging.rpc_client import RpcClient

    client = RpcClient(instance.url("rabbitmq"), publishers=1)
    try:
        yield client
    finally:
        client.close()


def call(
    command: typer.Context,
    service: str,
    method: str,
    *,
    deadline: float = 5,
    context: dict[str, Any] | None = None,
    **arguments: Any,
) -> Any:
    """One call; an error reply ends the command. `context` is carried into the events that follow."""
    with exit_on_api_error(), rpc_client(selected_instance(command)) as client:
        return client.call(service, method, deadline=deadline, context=context, **arguments)
