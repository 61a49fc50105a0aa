"""Subscriptions as the schema has them: documents within the limits, permissions, and the feeds behind the fields."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, subscribe

from gateway_flask.graphql import request as requests
from gateway_flask.graphql.arguments import order_id_of
from gateway_flask.graphql.documents import Document, Documents, is_subscription
from gateway_flask.graphql.fields import Info
from gateway_flask.graphql.persisted import PersistedDocuments
from gateway_flask.graphql.schema import for_subscriptions
from gateway_flask.settings import GatewaySettings
from gateway_flask.subscriptions.live_feeds import LiveFeeds
from gateway_flask.subscriptions.order_feeds import OrderFeeds
from gateway_flask.subscriptions.session import SocketSession
from schemas.permissions.graphql_fields import access_of
from services.chassis.common.errors import BadRequest
from services.chassis.messaging.authorization import check


@dataclass(frozen=True)
class _Context:
    session: SocketSession


class Operations:
    """Starts subscriptions on behalf of sockets."""

    def __init__(
        self, settings: GatewaySettings, persisted: PersistedDocuments, orders: OrderFeeds, live: LiveFeeds
    ) -> None:
        self._orders, self._live, self._persisted = orders, live, persisted
        self._schema = self._executable()
        self._hide = not settings.graphql_introspection
        self._documents = Documents(self._schema, settings)

    async def start(self, session: SocketSession, payload: Any) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        """The results of a subscription, or its errors. Raises `DomainError` for a request that is refused."""
        if not isinstance(payload, dict):
            raise BadRequest("The payload of subscribe must be an object")
        sent = requests.checked(payload, may_change=False)
        await session.count()
        document = await session.run(lambda: self._persisted.document(sent, self._documents))
        if not is_subscription(document.operation(sent.operation_name)):
            raise BadRequest("Only subscriptions are served over WebSocket: send others by POST")
        self._documents.check_cost(document, sent.operation_name, sent.variables)
        return await self._subscribe(session, document, sent)

    async def _subscribe(
        self, session: SocketSession, document: Document, sent: requests.GraphqlRequest
    ) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        started = subscribe(
            self._schema,
            document.node,
            context_value=_Context(session),
            variable_values=sent.variables,
            operation_name=sent.operation_name,
            hide_suggestions=self._hide,
        )
        return await started if isawaitable(started) else started

    def _executable(self) -> GraphQLSchema:
        executable = for_subscriptions()
        subscription = executable.subscription_type
        assert subscription is not None
        sources = {"orderStatus": self._order_status, "liveFigures": self._live_figures}
        for name, field in subscription.fields.items():
            field.subscribe = sources[name]
        return executable

    def _order_status(self, _: None, info: Info, id: str, after: int | None = None) -> AsyncIterator[Any]:
        session: SocketSession = info.context.session
        check(access_of("Subscription.orderStatus"), session.caller)
        return self._orders.follow(session, order_id_of(id), after)

    def _live_figures(self, _: None, info: Info) -> AsyncIterator[Any]:
        session: SocketSession = info.context.session
        check(access_of("Subscription.liveFigures"), session.caller)
        return self._live.follow(session)
