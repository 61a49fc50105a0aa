"""Compatibility of published events: which schema changes readers tolerate and which are refused."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from schemas.events.base import EVENTS
from schemas.tools.compatibility import breaks
from schemas.tools.export import FOLDER, BreakingChange, documents, event_file, every_event, published, write


def test_every_event_is_published() -> None:
    unpublished = [event_file(event) for event in every_event() if published(event_file(event)) is None]

    assert unpublished == [], "publish their schemas with `ultramarket schemas` and commit them"


def test_published_events_are_compatible() -> None:
    files = [event_file(event) for event in every_event()]
    current = documents()
    breaking = {file: reasons for file in files if (reasons := breaks(published(file) or {}, current[file]))}

    assert files
    assert breaking == {}


def test_no_published_event_is_removed() -> None:
    declared = {(event.source, event.type) for event in EVENTS.values()}
    removed = [
        str(file.relative_to(FOLDER))
        for file in FOLDER.glob("events/*/*.json")
        if (file.parent.name, file.name.split(".")[0]) not in declared
    ]
    assert removed == []


def test_schema_files_match_the_models() -> None:
    stale = [path for path, document in documents().items() if published(path) != document]
    assert stale == [], "write them with `ultramarket schemas` and commit them"


class Part(BaseModel):
    sku: str


class Before(BaseModel):
    id: str
    amount: int
    note: str | None = None
    kind: Literal["a", "b"] = "a"
    parts: list[Part] = []
    by_sku: dict[str, int] = {}


def _changed(name: str, annotation: Any, default: Any = ...) -> type[BaseModel]:
    """`Before` with one field added or changed."""
    namespace: dict[str, Any] = {"__annotations__": {name: annotation}, "__module__": __name__}
    if default is not ...:
        namespace[name] = default
    return type("After", (Before,), namespace)


class ExtendedPart(BaseModel):
    sku: str
    colour: str | None = None


class IncompatiblePart(BaseModel):
    number: str


@pytest.mark.parametrize(
    "after",
    [
        Before,
        _changed("added", str, "something"),
        _changed("added", str | None, None),
        _changed("note", str, ""),
        _changed("parts", list[ExtendedPart], []),
    ],
)
def test_compatible_event_change_is_allowed(after: type[BaseModel]) -> None:
    assert breaks(Before.model_json_schema(), after.model_json_schema()) == []


@pytest.mark.parametrize(
    ("after", "field"),
    [
        (_changed("added", str), "added"),
        (_changed("amount", str), "amount"),
        (_changed("amount", int | None), "amount"),
        (_changed("amount", int, 0), "amount"),
        (_changed("kind", Literal["a", "b", "c"], "a"), "kind"),
        (_changed("kind", str, "a"), "kind"),
        (_changed("parts", list[IncompatiblePart], []), "parts"),
        (_changed("parts", list[str], []), "parts"),
        (_changed("by_sku", dict[str, str], {}), "by_sku"),
    ],
)
def test_incompatible_event_change_is_reported(after: type[BaseModel], field: str) -> None:
    reasons = breaks(Before.model_json_schema(), after.model_json_schema())

    assert reasons
    assert all(reason.startswith(field) for reason in reasons), reasons


def test_removed_field_is_incompatible() -> None:
    without_note = Before.model_json_schema()
    del without_note["properties"]["note"]

    assert breaks(Before.model_json_schema(), without_note) == ["note: was removed"]


def test_incompatible_schema_does_not_replace_a_published_one(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / event_file(every_event()[0])
    file.write_text(file.read_text().replace('"required": [', '"required": ["yesterdays", '))
    file.write_text(file.read_text().replace('"properties": {', '"properties": {"yesterdays": {"type": "string"}, ', 1))

    with pytest.raises(BreakingChange, match="yesterdays"):
        write(tmp_path)
