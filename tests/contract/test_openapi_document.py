"""The OpenAPI document is what the gateway does."""

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.openapi.examples import BODIES
from gateway_flask.testing import FakeServices, settings

app = create_app(settings(), FakeServices())
DOCUMENT: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").get_json()
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}
ERROR_CODES = (
    "BAD_REQUEST IDEMPOTENCY_KEY_REQUIRED UNAUTHENTICATED TOKEN_EXPIRED INVALID_CREDENTIALS PAYMENT_DECLINED "
    "PAYMENT_ACTION_REQUIRED FORBIDDEN NOT_FOUND OUT_OF_STOCK PRICE_CHANGED CONFLICT IDEMPOTENCY_IN_PROGRESS "
    "INVALID_STATE PRECONDITION_FAILED PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE VALIDATION_ERROR "
    "IDEMPOTENCY_KEY_REUSED RATE_LIMITED SERVICE_UNAVAILABLE DEADLINE_EXCEEDED"
)


def test_it_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_route_of_the_application_is_in_it() -> None:
    silent = {"openapi", "docs", "docs_assets", "static", "metrics", "jwks", "jwks_root"}
    served = {
        (rule.rule.replace("<string:", "{").replace("<path:", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.rpartition(".")[2] not in silent
    }
    described = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == served


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_route_says_what_it_replies(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert "`" not in operation["summary"]
    done = [status for status in operation["responses"] if status.startswith("2")]
    assert done
    for status in done:
        contents = operation["responses"][status]["content"]
        assert contents
        assert all(content["schema"] for content in contents.values())


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_route_says_who_may_use_it_and_how_it_refuses(name: str) -> None:
    operation = OPERATIONS[name]
    assert isinstance(operation["security"], list)
    assert {"422", "503", "504"} <= set(operation["responses"])


def test_every_code_of_the_error_table_is_in_it() -> None:
    said = " ".join(response["description"] for response in DOCUMENT["components"]["responses"].values())
    assert [code for code in ERROR_CODES.split() if f"`{code}`" not in said] == []


def test_taking_and_replying_are_told_apart() -> None:
    taken = OPERATIONS["create_product"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = DOCUMENT["components"]["schemas"][taken.rpartition("/")[2]]
    assert sorted(schema["required"]) == ["status", "title", "variants"]


@pytest.mark.parametrize("name", BODIES)
def test_the_examples_are_good_requests(name: str) -> None:
    read = ENDPOINTS[name].models["body"].model_validate_json(json.dumps(BODIES[name]))

    assert read.model_fields_set == set(BODIES[name])


def test_the_page_and_its_assets_are_served_by_us() -> None:
    client = app.test_client()
    page = client.get("/docs").get_data(as_text=True)
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("css/swagger-ui.css", "js/swagger-ui-bundle.js", "images/swagger.svg"):
        assert f"/docs/assets/{asset}" in page
        with client.get(f"/docs/assets/{asset}") as served:
            assert served.status_code == 200
