"""Documents, parsed and validated once: clients send the same ones again and again."""

import threading
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import LRUCache
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    MaxIntrospectionDepthRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from gateway_flask.graphql.limits import MAX_FIELDS, Fragments, cost_of, fragments_of, shape_of
from gateway_flask.settings import GatewaySettings
from services.chassis.common.errors import BadRequest, ValidationFailed

KEPT_BYTES: Final = 262_144
"""Bytes of all documents that a process keeps; parsed they take about a hundred times as much."""
MAX_TOKENS: Final = 4000
MAX_ERRORS: Final = 10


@dataclass(frozen=True)
class Document:
    """A valid document within the limits."""

    node: DocumentNode
    fragments: Fragments
    operations: dict[str | None, OperationDefinitionNode]
    size: int
    """Characters of its text."""
    costs: dict[str | None, int] = field(default_factory=dict)
    """Costs of the operations whose cost depends on no variable."""

    def first_field(self, name: str | None) -> str:
        """The name of the operation's first field, for comparing times of like operations."""
        first = self.operation(name).selection_set.selections[0]
        return first.name.value if isinstance(first, FieldNode) else ""

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to execute. Raises `BadRequest`."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise BadRequest("The document has several operations: name one in operationName")
        try:
            return self.operations[name]
        except KeyError:
            raise BadRequest(f"The document has no operation {name[:100]}") from None


class Documents:
    """The documents of a process, with the limits of the settings."""

    def __init__(self, schema: GraphQLSchema, settings: GatewaySettings) -> None:
        self._schema, self._settings = schema, settings
        self._rules: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaxIntrospectionDepthRule)
        if not settings.graphql_introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._documents: LRUCache[str, Document] = LRUCache(KEPT_BYTES, getsizeof=lambda document: document.size)
        self._lock = threading.Lock()

    @property
    def kept_bytes(self) -> int:
        return int(self._documents.currsize)

    def get(self, source: str) -> Document:
        """The document of this text. Raises `BadRequest` for one that can't be parsed, else `ValidationFailed`."""
        with self._lock:
            document = self._documents.get(source)
        if document is None:
            document = self._read(source)
            if len(source) <= KEPT_BYTES:
                with self._lock:
                    self._documents[source] = document
        return document

    def check_cost(self, document: Document, name: str | None, variables: dict[str, Any]) -> int:
        """The cost of an operation. Raises `ValidationFailed` for one that costs too much."""
        cost = document.costs.get(name)
        if cost is None:
            operation = document.operation(name)
            cost = cost_of(self._schema, operation, document.fragments, variables)
            if not operation.variable_definitions:
                document.costs[name] = cost
        if cost > self._settings.graphql_cost:
            raise ValidationFailed.of("query", f"costs {cost}, above the limit of {self._settings.graphql_cost}")
        return cost

    def _read(self, source: str) -> Document:
        if len(source.encode()) > self._settings.graphql_document_bytes:
            raise ValidationFailed.of("query", f"must have at most {self._settings.graphql_document_bytes} bytes")
        try:
            node = parse(source, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            raise BadRequest(error.message) from None
        except RecursionError:
            raise BadRequest("The document is nested too deeply") from None
        self._check_shape(node)
        errors = validate(
            self._schema, node, self._rules, MAX_ERRORS, hide_suggestions=not self._settings.graphql_introspection
        )
        if errors:
            raise ValidationFailed(
                errors[0].message,
                [{"field": "query", "message": error.message, "locations": _locations(error)} for error in errors],
            )
        operations = {
            definition.name.value if definition.name else None: definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        return Document(node, fragments_of(node), operations, len(source))

    def _check_shape(self, node: DocumentNode) -> None:
        settings, shape = self._settings, shape_of(node)
        if shape.depth > settings.graphql_depth:
            raise ValidationFailed.of("query", f"is {shape.depth} levels deep, above {settings.graphql_depth}")
        if shape.aliases > settings.graphql_aliases:
            raise ValidationFailed.of("query", f"has {shape.aliases} aliases, above {settings.graphql_aliases}")
        if shape.fields > MAX_FIELDS:
            raise ValidationFailed.of("query", f"has {shape.fields} fields, above {MAX_FIELDS}")


def _locations(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": each.line, "column": each.column} for each in error.locations or ()]


def is_mutation(operation: OperationDefinitionNode) -> bool:
    return operation.operation is OperationType.MUTATION


def is_subscription(operation: OperationDefinitionNode) -> bool:
    return operation.operation is OperationType.SUBSCRIPTION
