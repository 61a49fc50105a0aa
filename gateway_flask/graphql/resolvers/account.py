"""The signed-in account."""

from typing import Any

from gateway_flask.graphql.fields import Info, resolves
from gateway_flask.middleware.request_context import caller
from gateway_flask.rpc.calls import call
from schemas.rpc.auth import AuthRpc


@resolves("Query.me")
def me(_: None, __: Info) -> dict[str, Any]:
    account: dict[str, Any] = call(AuthRpc.me, caller=caller()).json
    return account
