"""The route `/graphql`: one operation of a client, executed; GraphiQL for browsers."""

from typing import Any, Final

import orjson
from flask import Flask, Response, current_app, request
from graphql import ExecutionResult, GraphQLSchema, execute

from gateway_flask.graphql import errors, graphiql, schema
from gateway_flask.graphql import request as requests
from gateway_flask.graphql.context import ExecutionContext, execution_context
from gateway_flask.graphql.documents import Document, Documents, is_mutation, is_subscription
from gateway_flask.graphql.persisted import PersistedDocuments
from gateway_flask.http import errors as http_errors
from gateway_flask.http.envelope import JSON, ready
from gateway_flask.load_shedding.middleware import note_endpoint
from gateway_flask.middleware import rate_limits
from gateway_flask.middleware.authentication import identify
from gateway_flask.middleware.request_context import current_request
from gateway_flask.settings import GatewaySettings
from schemas.permissions.access import GUEST
from services.chassis.common.errors import BadRequest, DomainError, MethodNotAllowed

URL: Final = "/graphql"
RESPONSE_JSON: Final = "application/graphql-response+json"


class Endpoint:
    """Executes requests on the schema with the limits of the settings."""

    def __init__(self, graphql_schema: GraphQLSchema, documents: Documents, persisted: PersistedDocuments) -> None:
        self._schema, self._documents, self._persisted = graphql_schema, documents, persisted

    def answer(self) -> Response:
        """The reply to the current request."""
        try:
            identify(GUEST)
        finally:  # refused callers and documents are counted as well
            rate_limits.hit(rate_limits.READS)
        sent = requests.read()
        document = self._persisted.document(sent, self._documents)
        operation = document.operation(sent.operation_name)
        if is_subscription(operation):
            raise BadRequest("Subscriptions are served over WebSocket: graphql-transport-ws")
        changes = is_mutation(operation)
        if changes and not sent.may_change:
            raise MethodNotAllowed("Mutations are carried out by POST")
        cost = self._documents.check_cost(document, sent.operation_name, sent.variables)
        note_endpoint(f"graphql {document.first_field(sent.operation_name)} {cost.bit_length()}")
        current_request().reads = not changes
        for _ in operation.selection_set.selections if changes else ():
            rate_limits.hit(rate_limits.WRITES)
        with execution_context() as context:
            result = self._execute(document, sent, context)
            return _reply(result, context.headers)

    def _execute(self, document: Document, sent: requests.GraphqlRequest, context: ExecutionContext) -> ExecutionResult:
        settings: GatewaySettings = current_app.extensions["settings"]
        result = execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=sent.variables,
            operation_name=sent.operation_name,
            hide_suggestions=not settings.graphql_introspection,
        )
        if isinstance(result, ExecutionResult):
            return result
        assert context.loop is not None
        return context.loop.run_until_complete(result)


def _reply(result: ExecutionResult, headers: dict[str, str]) -> Response:
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [errors.formatted(error) for error in result.errors]
    if result.data is not None or not result.errors or any(error.path for error in result.errors):
        body["data"] = result.data
    return _json(body, 200 if "data" in body else 400, headers)


def _refusal(error: DomainError) -> Response:
    """The reply to a request that is not executed; status and headers are REST's."""
    rest = http_errors.reply_to(error)
    headers = {name: rest.headers[name] for name in ("Retry-After", "WWW-Authenticate") if name in rest.headers}
    return _json({"errors": [errors.entry(error)]}, error.status, headers)


def _json(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    response = ready(orjson.dumps(body), status, headers)
    response.content_type = RESPONSE_JSON if RESPONSE_JSON in request.headers.get("Accept", "") else JSON
    return response


def install(app: Flask, settings: GatewaySettings) -> None:
    """Add the route."""
    executable = schema.executable()
    documents = Documents(executable, settings)
    endpoint = Endpoint(executable, documents, PersistedDocuments(app.extensions["redis"], settings))

    def graphql() -> Response:
        if settings.graphql_introspection and graphiql.is_requested():
            return graphiql.page()
        try:
            return endpoint.answer()
        except DomainError as error:
            return _refusal(error)

    app.add_url_rule(URL, "graphql", graphql, methods=["GET", "POST"])
    if settings.graphql_introspection:
        graphiql.install(app)
