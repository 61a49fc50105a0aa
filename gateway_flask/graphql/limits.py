"""Limits of a document: depth, aliases and number of fields before it is validated, cost before it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from services.chassis.common.errors import BadRequest

Fragments = Mapping[str, FragmentDefinitionNode]

MAX_FIELDS: Final = 1000
"""Fields of a document, with those of a fragment wherever it is spread: validation compares them in pairs."""
WEIGHTS: Final[dict[str, int]] = {
    "Query.products": 5,
    "Query.search": 10,
    "Query.cart": 5,
    "Query.order": 5,
    "Query.orders": 5,
    "Query.category": 2,
    "Query.categories": 2,
    "Product.reviews": 5,
    "Product.related": 5,
    "Mutation.placeOrder": 50,
    "Mutation.cancelOrder": 50,
    "Mutation.addToCart": 10,
    "Mutation.updateCartItem": 10,
    "Mutation.removeFromCart": 10,
}
"""The cost of fields that call a service. Other objects cost 1, scalars nothing."""


@dataclass(frozen=True)
class Shape:
    """Counts of a document that need no schema."""

    depth: int
    aliases: int
    fields: int

    def __add__(self, other: "Shape") -> "Shape":
        return Shape(max(self.depth, other.depth), self.aliases + other.aliases, self.fields + other.fields)


NOTHING: Final = Shape(0, 0, 0)


def fragments_of(document: DocumentNode) -> Fragments:
    """The document's fragments by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def shape_of(document: DocumentNode) -> Shape:
    """Depth of the deepest operation, aliases and fields of all. Raises `BadRequest` for a fragment within itself."""
    counter = _ShapeCounter(fragments_of(document))
    shapes = [
        counter.of(node.selection_set) for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    return sum(shapes, NOTHING)


class _ShapeCounter:
    """Counts each fragment once and adds it wherever it is spread."""

    def __init__(self, fragments: Fragments) -> None:
        self._fragments = fragments
        self._counted: dict[str, Shape] = {}
        self._open: set[str] = set()

    def of(self, selections: SelectionSetNode | None) -> Shape:
        total = NOTHING
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                inner = self.of(node.selection_set)
                if node.name.value in ("__schema", "__type"):
                    inner = Shape(0, inner.aliases, inner.fields)  # graphql-core limits the depth of introspection
                total += Shape(inner.depth + 1, inner.aliases + (node.alias is not None), inner.fields + 1)
            elif isinstance(node, FragmentSpreadNode):
                total += self._spread(node.name.value)
            else:
                total += self.of(getattr(node, "selection_set", None))
        return total

    def _spread(self, name: str) -> Shape:
        fragment = self._fragments.get(name)
        if fragment is None:
            return NOTHING
        if name in self._open:
            raise BadRequest(f"The fragment {name} contains itself")
        if name not in self._counted:
            self._open.add(name)
            self._counted[name] = self.of(fragment.selection_set)
            self._open.remove(name)
        return self._counted[name]


def cost_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments, variables: Mapping[str, Any]
) -> int:
    """The cost of a valid operation: that of a field, and that of what is below it as often as its `first` says."""
    root = schema.get_root_type(operation.operation)
    return _CostCounter(schema, fragments, _with_defaults(operation, variables)).of(operation.selection_set, root)


class _CostCounter:
    def __init__(self, schema: GraphQLSchema, fragments: Fragments, variables: Mapping[str, Any]) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables

    def of(self, selections: SelectionSetNode | None, parent: Any) -> int:
        total = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                total += self._of_field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                total += self.of(self._fragments[node.name.value].selection_set, parent)
            else:
                total += self.of(getattr(node, "selection_set", None), parent)
        return total

    def _of_field(self, node: FieldNode, parent: Any) -> int:
        name = node.name.value
        if name.startswith("__") or not isinstance(parent, GraphQLObjectType):
            return 0
        field = parent.fields[name]
        kind = get_named_type(field.type)
        if is_leaf_type(kind):
            return 0
        weight, inner = WEIGHTS.get(f"{parent.name}.{name}", 1), self.of(node.selection_set, kind)
        if "first" not in field.args:
            return weight + inner
        each = inner + 1 if is_list_type(get_nullable_type(field.type)) else inner
        return weight + self._first(node, field) * each

    def _first(self, node: FieldNode, field: Any) -> int:
        default = int(field.args["first"].ast_node.default_value.value)
        for argument in node.arguments or ():
            if argument.name.value == "first":
                value: Any = None
                if isinstance(argument.value, IntValueNode):
                    value = int(argument.value.value)
                elif isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value, default)
                return max(value, 0) if isinstance(value, int) else default
        return default


def _with_defaults(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    defaults = {
        each.variable.name.value: int(each.default_value.value)
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, IntValueNode)
    }
    return {**defaults, **variables} if defaults else variables
