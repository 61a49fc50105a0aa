"""Rules of all routes, from the OpenAPI document: cursors, unknown parameters, ETag with If-Match."""

from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.testing import FakeServices, Issuer, settings
from tests.support.routes import path_of

services, issuer = FakeServices(), Issuer()
services.answer("auth.jwks", issuer.jwks())
app: OpenAPI = create_app(settings(), services)
DOCUMENT: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").get_json()
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
CALLBACK = "finish_oauth"
"""Providers add parameters of their own to the reply that it takes."""
READS = sorted(name for name, endpoint in ENDPOINTS.items() if endpoint.method == "GET" and name != CALLBACK)
UNVERSIONED = {
    **dict.fromkeys(("delete_file",), "a file never changes"),
    **dict.fromkeys(("erase_account", "erase_user"), "a person is erased in whatever version"),
    **dict.fromkeys(("end_session", "delete_api_key", "remove_identity", "remove_totp"), "can only be removed"),
    **dict.fromkeys(("set_quantity", "remove_item", "clear_cart"), "a cart has one customer"),
    "set_order_status": "a command, which the order's state machine refuses",
}
"""Changes that take no `If-Match`, and why."""


COMMANDS_ONLY = {"get_order"}
"""An order is changed by commands that its state machine refuses; there is no document to overwrite."""


def parameters(name: str) -> dict[str, Any]:
    return {each["name"]: each for each in OPERATIONS[name][2].get("parameters", [])}


def test_every_paged_list_takes_a_cursor() -> None:
    paged = {name for name in READS if {"page", "limit"} <= parameters(name).keys()}

    assert {name for name in paged if "cursor" not in parameters(name)} == set()
    assert {
        *("list_products", "list_orders", "list_reviews", "list_all_reviews", "list_notifications", "list_users"),
        *("list_audit", "ledger_accounts", "ledger_entries", "list_files", "search", "low_stock", "list_reports"),
        "list_deliveries",
    } <= paged


@pytest.mark.parametrize("name", READS)
def test_unknown_parameters_are_refused_by_name(name: str) -> None:
    client, headers = app.test_client(), issuer.bearer("ADMIN", "CUSTOMER", "VENDOR")
    for parameter in ("nonsense", "sort"):
        response = client.get(f"/api/v1{path_of(name)}?{parameter}=nonsense", headers=headers)

        assert response.status_code == 422, (parameter, response.get_data(as_text=True))
        assert parameter in [detail["field"] for detail in response.get_json()["error"]["details"]]


def test_every_change_of_a_tagged_resource_takes_if_match() -> None:
    tagged = {
        path
        for path, method, operation in OPERATIONS.values()
        if method == "get" and "ETag" in operation["responses"].get("200", {}).get("headers", {})
    }
    changes = {
        name: parameters(name)
        for name, (path, method, _) in OPERATIONS.items()
        if method in ("put", "patch", "delete") and path in tagged and name not in UNVERSIONED
    }

    assert {name for name, names in changes.items() if "If-Match" not in names} == set()
    assert {
        *("update_product", "patch_product", "delete_product", "update_category", "delete_category", "update_profile"),
        *("update_address", "delete_address", "edit_review", "delete_review", "put_review_rules", "put_flag"),
        *("update_user", "put_template", "set_tuning", "update_report", "delete_report"),
    } <= changes.keys()


def test_every_change_takes_if_match_or_has_no_version() -> None:
    changes = {name for name, (_, method, _) in OPERATIONS.items() if method in ("put", "patch", "delete")}

    assert {name for name in changes if "If-Match" not in parameters(name)} - UNVERSIONED.keys() == set()


def test_every_resource_with_a_version_is_tagged() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    untagged = set()
    for name, (_, method, operation) in OPERATIONS.items():
        content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        envelope = schemas.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
        data = schemas.get(envelope.get("properties", {}).get("data", {}).get("$ref", "").rpartition("/")[2], {})
        has_version = "version" in data.get("properties", {})
        if method == "get" and has_version and "ETag" not in operation["responses"]["200"]["headers"]:
            untagged.add(name)

    assert untagged - COMMANDS_ONLY == set()


def test_version_of_body_and_if_match_agree() -> None:
    """A setting's version is in the body; with `If-Match` a stale one is 412."""
    client, headers = app.test_client(), issuer.bearer("ADMIN")
    body = {"value": 5, "version": 2, "reason": "fewer"}
    path = "/api/v1/config/settings/inventory.low_stock_threshold"

    differing = client.put(path, json=body, headers=headers | {"If-Match": '"3"'})

    assert (differing.status_code, differing.get_json()["error"]["code"]) == (412, "PRECONDITION_FAILED")
