"""The Bruno collection of `docs/collection`: every request fits the OpenAPI document."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway_flask import testing
from gateway_flask.app import create_app
from tests.support.contract import URLS

DOCUMENT = create_app(testing.settings(), testing.FakeServices()).test_client().get("/api/v1/openapi.json").get_json()
OPERATIONS = {
    operation["operationId"]: operation
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
    if isinstance(operation, dict)
}
REQUESTS = sorted(Path("docs/collection").glob("*.bru"))
VALUES = {"email": "ada@example.com", "admin_email": "admin@example.com", "$guid": "a-key"}
UUID = "0197b1c8-7a5e-7cc0-9f00-000000000001"


def block(text: str, name: str) -> str:
    """The content of a block, with a value for each variable."""
    match = re.search(rf"^{re.escape(name)} {{\n(.*?)\n}}$", text, re.DOTALL | re.MULTILINE)
    content = match[1] if match else ""
    return re.sub(r"{{([$\w]+)}}", lambda variable: VALUES.get(variable[1], UUID), content)


def fields(content: str) -> dict[str, str]:
    """The lines of a block as a dictionary."""
    pairs = (line.strip().partition(": ") for line in content.splitlines())
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_request_of_the_collection_fits_the_document(path: Path) -> None:
    text = path.read_text()
    method = next(name for name in ("get", "post", "put", "patch", "delete") if block(text, name))
    address, _, query = fields(block(text, method))["url"].removeprefix(UUID).partition("?")
    name: Any = URLS.match(address, method.upper())[0]
    operation = OPERATIONS[name]

    parameters = {(part["in"], part["name"]) for part in operation.get("parameters", [])}
    required = {part["name"] for part in operation.get("parameters", []) if part["in"] == "header" and part["required"]}
    headers = set(fields(block(text, "headers"))) - {""}
    assert {("query", pair.partition("=")[0]) for pair in query.split("&") if pair} <= parameters
    assert {("header", header) for header in headers} <= parameters
    assert required <= headers
    assert fields(block(text, "assert"))["res.status"].removeprefix("eq ") in operation["responses"]
    if body := block(text, "body:json"):
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(json.loads(body), schema | {"components": DOCUMENT["components"]})


def test_collection_covers_the_first_steps() -> None:
    assert len(REQUESTS) == 15
