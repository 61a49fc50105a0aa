"""Compatibility of events: a published event may only grow, since its readers are unknown programs."""

from typing import Any, Final

JsonSchema = dict[str, Any]

_KIND: Final = ("type", "format", "const")


def breaks(published: JsonSchema, proposed: JsonSchema) -> list[str]:
    """Why a reader of `published` could not read what `proposed` describes; empty if it could.

    A field may be added if it has a default. None may be removed, become another type, lose its promise to be there,
    or take a value that is unknown to its readers. Texts and limits may change.
    """
    return _breaks(_Schema(published, published), _Schema(proposed, proposed), "")


class _Schema:
    """A schema together with the document that its references lead into."""

    def __init__(self, schema: JsonSchema, document: JsonSchema) -> None:
        while "$ref" in schema:
            schema = document["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        self.own, self.document = schema, document

    def at(self, inner: JsonSchema) -> "_Schema":
        return _Schema(inner, self.document)

    @property
    def fields(self) -> dict[str, "_Schema"]:
        return {name: self.at(inner) for name, inner in self.own.get("properties", {}).items()}

    @property
    def required(self) -> set[str]:
        return set(self.own.get("required", ()))

    @property
    def choices(self) -> list["_Schema"]:
        return [self.at(inner) for inner in self.own.get("anyOf") or self.own.get("oneOf") or ()]


def _breaks(old: _Schema, new: _Schema, where: str) -> list[str]:
    name = where or "the event"
    if old.choices or new.choices:
        return _choices(old, new, name)
    breaks_ = [
        f"{name}: {word} was {old.own.get(word)}, is {new.own.get(word)}"
        for word in _KIND
        if old.own.get(word) != new.own.get(word)
    ]
    if "enum" in old.own:
        new_values = [value for value in new.own.get("enum", ["anything"]) if value not in old.own["enum"]]
        breaks_.extend(f"{name}: the value {value} is unknown to readers of the older schema" for value in new_values)
    for field, before in old.fields.items():
        path = f"{where}.{field}" if where else field
        if field not in new.fields:
            breaks_.append(f"{path}: was removed")
        else:
            breaks_.extend(_breaks(before, new.fields[field], path))
            if field in old.required - new.required:
                breaks_.append(f"{path}: was always there, now may be missing")
    breaks_.extend(f"{where}.{field}".lstrip(".") + ": is new and required" for field in new.required - old.required)
    for word in ("items", "additionalProperties"):
        old_part, new_part = old.own.get(word), new.own.get(word)
        if isinstance(old_part, dict) and isinstance(new_part, dict):
            breaks_.extend(_breaks(old.at(old_part), new.at(new_part), f"{where}[]"))
        elif isinstance(old_part, dict) or isinstance(new_part, dict):
            breaks_.append(f"{name}: the type of its items has changed")
    return breaks_


def _choices(old: _Schema, new: _Schema, name: str) -> list[str]:
    """Each thing that it may be now must be one that it might have been before."""
    before, after = old.choices or [old], new.choices or [new]
    return [
        f"{name}: may be {choice.own.get('type', 'something')} now"
        for choice in after
        if all(_breaks(published, choice, name) for published in before)
    ]
