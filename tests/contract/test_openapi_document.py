"""The OpenAPI document matches the gateway's routes, models and error table."""

import json
from typing import Any

from openapi_spec_validator import validate

from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.openapi.examples import BODIES
from gateway_flask.testing import FakeServices, settings
from tests.support.routes import ACCESS, ANONYMOUS

app = create_app(settings(), FakeServices())
DOCUMENT: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").get_json()
OPERATIONS = {operation["operationId"]: operation for path in DOCUMENT["paths"].values() for operation in path.values()}
ERROR_CODES = (
    "BAD_REQUEST IDEMPOTENCY_KEY_REQUIRED UNAUTHENTICATED TOKEN_EXPIRED INVALID_CREDENTIALS PAYMENT_DECLINED "
    "PAYMENT_ACTION_REQUIRED FORBIDDEN NOT_FOUND OUT_OF_STOCK PRICE_CHANGED CONFLICT IDEMPOTENCY_IN_PROGRESS "
    "INVALID_STATE PRECONDITION_FAILED PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE VALIDATION_ERROR "
    "IDEMPOTENCY_KEY_REUSED RATE_LIMITED SERVICE_UNAVAILABLE DEADLINE_EXCEEDED"
)


def test_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_route_is_in_the_document() -> None:
    undocumented = {"openapi", "docs", "docs_assets", "static", "metrics", "jwks", "jwks_root"}
    served = {
        (rule.rule.replace("<string:", "{").replace("<path:", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.rpartition(".")[2] not in undocumented
    }
    documented = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert documented == served


def test_every_route_has_a_plain_summary() -> None:
    summaries = {name: operation["summary"] for name, operation in OPERATIONS.items()}

    assert [name for name, summary in summaries.items() if not summary or "`" in summary] == []


def test_every_route_describes_its_success() -> None:
    contents = {
        name: [response.get("content") for status, response in operation["responses"].items() if status[0] == "2"]
        for name, operation in OPERATIONS.items()
    }

    assert [name for name, replies in contents.items() if not replies or not all(replies)] == []
    media = [(name, media) for name, replies in contents.items() for content in replies for media in content.values()]
    assert [name for name, kind in media if not kind["schema"]] == []


def test_every_route_describes_access_and_refusals() -> None:
    refusals = {"422", "503", "504"}
    closed = {
        name for name, operation in OPERATIONS.items() if {} not in operation["security"] and operation["security"]
    }

    assert [name for name in ENDPOINTS if not refusals <= set(OPERATIONS[name]["responses"])] == []
    assert closed == {name for name, roles in ACCESS.items() if ANONYMOUS not in roles}


def test_every_error_code_is_in_the_document() -> None:
    descriptions = " ".join(response["description"] for response in DOCUMENT["components"]["responses"].values())
    assert [code for code in ERROR_CODES.split() if f"`{code}`" not in descriptions] == []


def test_request_and_response_schemas_are_separate() -> None:
    reference = OPERATIONS["create_product"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
    assert sorted(schema["required"]) == ["status", "title", "variants"]


def test_examples_are_valid_requests() -> None:
    bodies = {name: ENDPOINTS[name].models["body"].model_validate_json(json.dumps(BODIES[name])) for name in BODIES}

    assert bodies
    assert {name: body.model_fields_set for name, body in bodies.items()} == {
        n: set(body) for n, body in BODIES.items()
    }


def test_docs_page_and_assets_are_served_locally() -> None:
    client = app.test_client()
    page = client.get("/docs").get_data(as_text=True)
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("css/swagger-ui.css", "js/swagger-ui-bundle.js", "images/swagger.svg"):
        assert f"/docs/assets/{asset}" in page
        with client.get(f"/docs/assets/{asset}") as served:
            assert served.status_code == 200
