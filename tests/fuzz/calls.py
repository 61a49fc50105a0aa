"""Requests for each operation of the document: valid ones and ones that violate it."""

import copy
import uuid
from contextlib import suppress
from functools import cache
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from gateway_flask import testing
from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import PREFIX
from tests.fuzz.pool import Pool

DOCUMENT = create_app(testing.settings(), testing.FakeServices()).test_client().get(f"{PREFIX}/openapi.json").get_json()
"""The document that the running gateway serves, too (see `test_system`)."""
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
PATHS = {
    operation["operationId"]: (method.upper(), path.removeprefix(PREFIX))
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if isinstance(operation, dict) and "operationId" in operation
}
MAKES_SKUS: Final = {"create_product", "update_product", "import_products", "add_variant"}
GIVEN_BY_SERVER: Final = ("cursor", "fields", "token")
"""Query parameters that a valid request takes from an earlier reply, or that trim the reply."""


@cache
def generated(name: str, mode: GenerationMode, number: int, start: int) -> list[Any]:
    """Generated cases of an operation; none where every request is valid."""
    cases: list[Any] = []

    @seed(start)
    @given(case=SCHEMA.find_operation_by_id(name).as_strategy(generation_mode=mode))
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def collect(case: Any) -> None:
        cases.append(case)

    with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
        collect()
    return cases


def invalid(name: str, pool: Pool, start: int) -> Any | None:
    """A request that violates the document."""
    cases = generated(name, GenerationMode.NEGATIVE, 3, start)
    return pool.chance.choice(cases) if cases else None


def valid(name: str, pool: Pool, start: int) -> Any:
    """A request that fits the document and names what exists; half of the bodies are the document's example."""
    method, path = PATHS[name]
    cases = generated(name, GenerationMode.POSITIVE, 3, start)
    template = pool.chance.choice(cases)
    query = {key: value for key, value in (template.query or {}).items() if key not in GIVEN_BY_SERVER}
    case = SCHEMA.find_operation_by_id(name).Case(
        path_parameters=dict(template.path_parameters or {}),
        query=query if pool.chance.random() < 0.5 else required_of(name, query),
        headers={},
        body=copy.deepcopy(template.body) if isinstance(template.body, dict | list) else template.body,
        media_type=template.media_type,
    )
    pool.fill_path(path, case.path_parameters, changes=method in ("PUT", "PATCH", "DELETE"))
    content = SCHEMA.find_operation_by_id(name).definition.raw.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    if example is not None and pool.chance.random() < 0.7:
        case.body = copy.deepcopy(example)
    if isinstance(case.body, dict) and method != "GET":
        if name in MAKES_SKUS:
            make_unique(case.body)
        else:
            pool.fill_body(case.body)
    return case


def required_of(name: str, query: dict[str, Any]) -> dict[str, Any]:
    """The query parameters that the operation can't do without."""
    required = {part.name for part in SCHEMA.find_operation_by_id(name).query if part.is_required}
    return {key: value for key, value in query.items() if key in required}


def make_unique(body: Any) -> None:
    """Give each SKU of a body, and the product's slug, a new value."""
    for name, value in list(body.items()) if isinstance(body, dict) else enumerate(body):
        if name in ("sku", "slug", "external_id") and isinstance(value, str):
            body[name] = f"F-{uuid.uuid4().hex[:12]}"
        elif isinstance(value, dict | list):
            make_unique(value)
