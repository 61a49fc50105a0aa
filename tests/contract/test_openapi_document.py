"""The OpenAPI document matches the gateway's routes, models and error table."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.openapi.examples import BODIES
from gateway_flask.openapi.pages import PAGE
from gateway_flask.testing import FakeServices, settings
from services.chassis.common.errors import DOMAIN_ERRORS
from tests.support.routes import ACCESS, ANONYMOUS
from ultramarket.seed import PRODUCTS

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
    undocumented = {"openapi", "docs", "docs_assets", "static", "metrics", "jwks", "jwks_root", "start_page"}
    undocumented |= {"graphql", "graphiql_assets"}  # docs/graphql.md and the SDL
    undocumented |= {"asyncapi", "envelope_schema", "event_schema"}  # documents themselves
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
        if "302" not in operation["responses"]
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


def test_every_schema_has_its_own_plain_name() -> None:
    names = DOCUMENT["components"]["schemas"]

    assert [name for name in names if "__api__" in name or name.endswith(("-Input", "-Output"))] == []


def test_ids_and_times_have_formats() -> None:
    order = DOCUMENT["components"]["schemas"]["Order"]["properties"]
    path = next(part for part in OPERATIONS["get_order"]["parameters"] if part["name"] == "id")

    assert (order["id"]["format"], order["created_at"]["format"]) == ("uuid", "date-time")
    assert path["schema"]["format"] == "uuid"


def test_envelopes_require_a_constant_success() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    envelopes = {name: schema for name, schema in schemas.items() if "success" in schema.get("properties", {})}

    assert len(envelopes) > 80
    assert [name for name, schema in envelopes.items() if "success" not in schema["required"]] == []
    assert {schema["properties"]["success"]["const"] for schema in envelopes.values()} == {True, False}


def test_error_code_is_an_enum_of_all_codes() -> None:
    codes = DOCUMENT["components"]["schemas"]["Error"]["properties"]["code"]["enum"]

    assert set(codes) == {*DOMAIN_ERRORS, "RANGE_NOT_SATISFIABLE"}


@pytest.mark.parametrize(
    ("name", "status", "headers"),
    [
        ("get_product", "200", {"ETag", "X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}),
        ("get_product", "304", {"ETag", "X-Request-Id"}),
        ("add_item", "201", {"X-Cart-Id", "X-Request-Id"}),
        ("place_order", "201", {"Idempotency-Replayed", "X-Request-Id"}),
    ],
)
def test_reply_declares_its_headers(name: str, status: str, headers: set[str]) -> None:
    assert headers <= set(OPERATIONS[name]["responses"][status]["headers"])


@pytest.mark.parametrize(
    ("name", "status"),
    [("wait_for_stock", "404"), ("unsubscribe", "404"), ("list_products", "403"), ("list_all_reviews", "400")],
)
def test_refusal_is_declared(name: str, status: str) -> None:
    assert status in OPERATIONS[name]["responses"]


def test_export_of_audit_declares_both_formats() -> None:
    content = OPERATIONS["export_audit"]["responses"]["200"]["content"]

    assert {"text/csv", "application/x-ndjson"} <= set(content)


def test_every_error_reply_declares_its_headers() -> None:
    replies = DOCUMENT["components"]["responses"].values()

    assert all("X-Request-Id" in reply["headers"] for reply in replies)
    assert {"Retry-After", "RateLimit-Limit"} <= set(DOCUMENT["components"]["responses"]["RateLimited"]["headers"])


def test_idempotency_key_is_any_text_without_example() -> None:
    """With the format `uuid`, the generated Python client takes a UUID object, which is no value of a header."""
    key = next(part for part in OPERATIONS["place_order"]["parameters"] if part["name"] == "Idempotency-Key")

    assert "example" not in key
    assert key["schema"] == {"type": "string", "minLength": 1, "maxLength": 255}


def test_patterns_are_valid_in_ecmascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = (
        "for (const p of JSON.parse(require('fs').readFileSync(0))) try { new RegExp(p, 'u') } catch { console.log(p) }"
    )

    run = subprocess.run(
        [node, "-e", script], input=json.dumps(sorted(_patterns(DOCUMENT))), capture_output=True, text=True
    )

    assert (run.returncode, run.stdout) == (0, "")


def _patterns(part: Any) -> set[str]:
    if isinstance(part, list):
        return {pattern for inner in part for pattern in _patterns(inner)}
    if not isinstance(part, dict):
        return set()
    own = {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
    return own | _patterns(list(part.values()))


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


def test_every_json_body_has_an_example() -> None:
    bodies = {name for name, endpoint in ENDPOINTS.items() if "body" in endpoint.models}

    assert sorted(bodies - set(BODIES)) == []


def test_every_json_reply_has_a_valid_example() -> None:
    replies = {
        f"{name} {status}": media
        for name, operation in OPERATIONS.items()
        for status, reply in operation["responses"].items()
        if status.startswith("2") and (media := reply.get("content", {}).get("application/json"))
    }

    assert len(replies) > 130
    assert [name for name, media in replies.items() if "example" not in media] == []
    assert {name: error for name, media in replies.items() if (error := _first_error(media))} == {}


def test_statuses_of_a_route_have_their_own_examples() -> None:
    replies = OPERATIONS["place_order"]["responses"]

    messages = {
        status: replies[status]["content"]["application/json"]["example"]["message"] for status in ("201", "202")
    }

    assert messages == {"201": "Created", "202": "Accepted"}


def _first_error(media: dict[str, Any]) -> str:
    schema = media["schema"] | {"components": {"schemas": DOCUMENT["components"]["schemas"]}}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return next((f"{error.json_path}: {error.message}" for error in validator.iter_errors(media["example"])), "")


def test_examples_name_products_of_the_demo_catalogue() -> None:
    rows = json.loads(PRODUCTS.read_text(encoding="utf-8"))

    assert BODIES["add_item"]["sku"] in {row["sku"] for row in rows if row["stock"] > 50}


def test_docs_page_and_assets_are_served_locally() -> None:
    client = app.test_client()
    page = client.get("/docs").get_data(as_text=True)
    assert "http://" not in page
    assert "https://" not in page
    for asset in (
        "css/swagger-ui.css",
        "js/swagger-ui-bundle.js",
        "docs.css",
        "docs.js",
        "sign_in.js",
        "theme.js",
        "logo.svg",
    ):
        assert f"/docs/assets/{asset}" in page
        with client.get(f"/docs/assets/{asset}") as served:
            assert served.status_code == 200


def test_docs_page_names_existing_operations() -> None:
    page = app.test_client().get("/docs").get_data(as_text=True)

    names = re.findall(r'data-operation="(\w+)"', page)
    assert len(names) == 5
    assert [name for name in names if name not in ENDPOINTS] == []
    assert "localStorage" not in "".join(script.read_text(encoding="utf-8") for script in PAGE.glob("*.js"))
