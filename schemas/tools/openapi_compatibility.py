"""Compatibility of the REST API: what a new OpenAPI document takes away from the clients of the published one.

Additions are compatible: routes, optional parameters and fields of requests, fields of replies, values of enums in
replies. A client must be able to send what it sent, and to find in replies what it was promised.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

Json = dict[str, Any]
METHODS: Final = ("get", "post", "put", "patch", "delete")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")


def breaking_changes(published: Json, proposed: Json) -> list[str]:
    """The changes that clients of `published` would not survive; empty if there are none."""
    return list(dict.fromkeys(_routes(published, proposed)))


def _routes(published: Json, proposed: Json) -> Iterator[str]:
    for path, methods in published["paths"].items():
        for method in (name for name in METHODS if name in methods):
            route = f"{method.upper()} {path}"
            operation = proposed["paths"].get(path, {}).get(method)
            if operation is None:
                yield f"{route}: was removed"
            else:
                yield from _operation(route, methods[method], operation, published, proposed)


def _operation(route: str, old: Json, new: Json, published: Json, proposed: Json) -> Iterator[str]:
    requests = _Comparison("request", published, proposed)
    replies = _Comparison("reply", published, proposed)
    before, after = _parameters(old), _parameters(new)
    for (place, name), parameter in before.items():
        if (place, name) not in after:
            yield f"{route}: the parameter {name} was removed"
        else:
            own = after[place, name]
            if own.get("required") and not parameter.get("required"):
                yield f"{route}: the parameter {name} is required now"
            yield from requests.compare(f"{route}: {name}", parameter.get("schema", {}), own.get("schema", {}))
    for (place, name), parameter in after.items():
        if parameter.get("required") and (place, name) not in before:
            yield f"{route}: the parameter {name} is new and required"
    body, new_body = old.get("requestBody", {}), new.get("requestBody", {})
    if new_body.get("required") and not body.get("required"):
        yield f"{route}: a body is required now"
    yield from _contents(f"{route}: the body", body, new_body, requests.compare)
    for status, reply in old["responses"].items():
        if status.startswith("2"):
            if status not in new["responses"]:
                yield f"{route}: the status {status} was removed"
            else:
                yield from _contents(f"{route}: {status}", reply, new["responses"][status], replies.compare)


def _parameters(operation: Json) -> dict[tuple[str, str], Json]:
    return {(each["in"], each["name"]): each for each in operation.get("parameters", ())}


def _contents(where: str, old: Json, new: Json, compare: Callable[[str, Json, Json], Iterator[str]]) -> Iterator[str]:
    for kind, media in old.get("content", {}).items():
        own = new.get("content", {}).get(kind)
        if own is None:
            yield f"{where}: {kind} was removed"
        else:
            yield from compare(where, media.get("schema", {}), own.get("schema", {}))


@dataclass(frozen=True)
class _Comparison:
    """Of two schemas, in their documents, of what clients send or receive."""

    side: Literal["request", "reply"]
    published: Json
    proposed: Json

    def compare(
        self, where: str, old: Json, new: Json, parents: frozenset[tuple[str, str]] = frozenset()
    ) -> Iterator[str]:
        """The breaking changes of a schema. `parents` are the pairs of references that it is within."""
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if all(pair) and pair in parents:
            return
        parents |= {pair}
        old, new = _resolved(old, self.published), _resolved(new, self.proposed)
        choices, new_choices = (each.get("anyOf") or each.get("oneOf") or [] for each in (old, new))
        if choices or new_choices:
            yield from self._choices(where, choices or [old], new_choices or [new], parents)
            return
        if new.get("type") not in (None, old.get("type")) or ("type" in old and "type" not in new):
            if not (self.side == "request" and "type" not in new):  # any value is accepted now
                yield f"{where}: the type was {old.get('type')}, is {new.get('type')}"
            return
        yield from self._values(where, old, new)
        yield from self._fields(where, old, new, parents)
        for keyword in ("items", "additionalProperties"):
            if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
                yield from self.compare(f"{where}[]", old[keyword], new[keyword], parents)

    def _values(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if "const" in new and old.get("const") != new["const"] and not (self.side == "reply" and "const" not in old):
            yield f"{where}: must be {new['const']!r} now"
        if old.get("format") != new.get("format") and ("format" in new if self.side == "request" else "format" in old):
            yield f"{where}: the format was {old.get('format')}, is {new.get('format')}"
        if self.side == "reply":
            return
        if "enum" in new:
            gone = [value for value in old.get("enum", ["anything else"]) if value not in new["enum"]]
            if gone:
                yield f"{where}: no longer takes {', '.join(map(str, gone))}"
        if "pattern" in new and "pattern" not in old:
            yield f"{where}: has a pattern now"
        for keyword in _UPPER:
            if keyword in new and new[keyword] < old.get(keyword, float("inf")):
                yield f"{where}: {keyword} is {new[keyword]} now"
        for keyword in _LOWER:
            if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
                yield f"{where}: {keyword} is {new[keyword]} now"

    def _fields(self, where: str, old: Json, new: Json, parents: frozenset[tuple[str, str]]) -> Iterator[str]:
        fields, new_fields = old.get("properties", {}), new.get("properties", {})
        required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        for name, field in fields.items():
            if name not in new_fields:
                yield f"{where}.{name}: was removed"
            else:
                yield from self.compare(f"{where}.{name}", field, new_fields[name], parents)
        if self.side == "request":
            yield from (f"{where}.{name}: is required now" for name in sorted(new_required - required))
        else:
            gone = (required - new_required) & set(new_fields)
            yield from (f"{where}.{name}: may be missing now" for name in sorted(gone))

    def _choices(
        self, where: str, old: list[Json], new: list[Json], parents: frozenset[tuple[str, str]]
    ) -> Iterator[str]:
        """Alternatives of a value: each old one must still be accepted, each new one have been possible in replies."""
        for choice in old if self.side == "request" else new:
            others = new if self.side == "request" else old
            pairs = ((choice, other) if self.side == "request" else (other, choice) for other in others)
            if all(any(self.compare(where, *pair, parents)) for pair in pairs):
                kind = choice.get("$ref", "").rpartition("/")[2] or choice.get("type", "a value")
                yield f"{where}: {'no longer takes' if self.side == 'request' else 'may be'} {kind}" + (
                    " now" if self.side == "reply" else ""
                )


def _resolved(schema: Json, document: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
