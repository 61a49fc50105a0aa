"""Breaking changes of the REST API are told apart from additions, and the committed document is current."""

import copy
import json
from typing import Any

import pytest

from schemas.tools.export import BreakingChange
from schemas.tools.openapi_compatibility import breaking_changes
from ultramarket import openapi_file

PUBLISHED: dict[str, Any] = {
    "paths": {
        "/orders": {
            "post": {
                "parameters": [{"in": "query", "name": "sort", "schema": {"type": "string", "enum": ["new", "old"]}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Command"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Command": {
                "type": "object",
                "properties": {
                    "method": {"type": "string", "enum": ["standard", "express"]},
                    "note": {"anyOf": [{"type": "string", "maxLength": 100}, {"type": "null"}]},
                },
                "required": ["method"],
            },
            "Order": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["open", "closed"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
                },
                "required": ["id", "status"],
            },
        }
    },
}
BODY, REPLY = ("components", "schemas", "Command"), ("components", "schemas", "Order")
ROUTE = ("paths", "/orders", "post")
GONE: Any = object()


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The published document with one value replaced, added or removed."""
    document = copy.deepcopy(PUBLISHED)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


BREAKING = {
    "POST /orders: was removed": (ROUTE, GONE),
    "POST /orders: 201.status: was removed": ((*REPLY, "properties", "status"), GONE),
    "POST /orders: 201.status: may be missing now": ((*REPLY, "required"), ["id"]),
    "POST /orders: 201.id: the type was string, is integer": ((*REPLY, "properties", "id"), {"type": "integer"}),
    "POST /orders: 201.id: may be null now": (
        (*REPLY, "properties", "id"),
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ),
    "POST /orders: the status 201 was removed": ((*ROUTE, "responses"), {"200": {}}),
    "POST /orders: the body.note: is required now": ((*BODY, "required"), ["method", "note"]),
    "POST /orders: the body.note: was removed": ((*BODY, "properties", "note"), GONE),
    "POST /orders: the body.note: no longer takes null": (
        (*BODY, "properties", "note"),
        {"type": "string", "maxLength": 100},
    ),
    "POST /orders: the body.note: no longer takes string": (
        (*BODY, "properties", "note", "anyOf", 0, "maxLength"),
        50,
    ),
    "POST /orders: the body.method: no longer takes express": (
        (*BODY, "properties", "method", "enum"),
        ["standard"],
    ),
    "POST /orders: sort: no longer takes old": ((*ROUTE, "parameters", 0, "schema", "enum"), ["new"]),
    "POST /orders: the parameter sort was removed": ((*ROUTE, "parameters"), []),
    "POST /orders: the parameter sort is required now": ((*ROUTE, "parameters", 0, "required"), True),
}
ADDITIONS = {
    "route": (("paths", "/orders/{id}"), {"get": {"responses": {}}}),
    "optional field of a request": ((*BODY, "properties", "gift"), {"type": "boolean"}),
    "field of a reply": ((*REPLY, "properties", "number"), {"type": "string"}),
    "promise of a field": ((*REPLY, "required"), ["id", "status", "parts"]),
    "value that is taken": ((*BODY, "properties", "method", "enum"), ["standard", "express", "pickup"]),
    "value that is replied": ((*REPLY, "properties", "status", "enum"), ["open", "closed", "lost"]),
    "longer text": ((*BODY, "properties", "note", "anyOf", 0, "maxLength"), 500),
    "optional parameter": ((*ROUTE, "parameters", 0, "description"), "The order of the list"),
    "status": ((*ROUTE, "responses", "202"), {}),
}


@pytest.mark.parametrize("change", BREAKING)
def test_breaking_change_is_named(change: str) -> None:
    assert breaking_changes(PUBLISHED, changed(*BREAKING[change])) == [change]


@pytest.mark.parametrize("change", ADDITIONS)
def test_addition_breaks_nothing(change: str) -> None:
    assert breaking_changes(PUBLISHED, changed(*ADDITIONS[change])) == []


def test_new_required_field_of_a_request_is_breaking() -> None:
    document = changed((*BODY, "properties", "gift"), {"type": "boolean"})
    document["components"]["schemas"]["Command"]["required"] = ["method", "gift"]

    assert breaking_changes(PUBLISHED, document) == ["POST /orders: the body.gift: is required now"]


def test_committed_document_is_current_and_compatible() -> None:
    committed, generated = json.loads(openapi_file.FILE.read_text(encoding="utf-8")), openapi_file.generated()

    assert breaking_changes(committed, generated) == []
    assert committed == generated, "write it with `ultramarket schemas` and commit it"


def test_breaking_document_is_published_on_demand_only(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(PUBLISHED))
    monkeypatch.setattr(openapi_file, "generated", lambda: changed(ROUTE, GONE))

    with pytest.raises(BreakingChange, match="POST /orders: was removed"):
        openapi_file.publish(file=file)
    assert json.loads(file.read_text()) == PUBLISHED
    assert openapi_file.publish(accept_breaking=True, file=file) == [file]
    assert openapi_file.publish(file=file) == []
