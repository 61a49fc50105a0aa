"""Bodies and paths of every route: each invalid field is named, and each malformed id is not found.

One parser does it for all routes: `test_gateway_bad_input` has each kind of bad body. Here each route is shown to be
wired to it, with a model that refuses what a store could not take.
"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from gateway_flask.testing import FakeServices, Issuer
from tests.support.bodies import VALID_BODIES, invalid_bodies
from tests.support.routes import path_of

ROWS = ("import_products", "import_reviews", "track_events")
"""Routes whose rows are validated one by one: see `test_import`, `test_reviews`, `test_analytics`."""
VALIDATED_BY_SERVICES = {("put_setting", "value")}
"""Fields that the services validate, because the valid values depend on the setting: see `test_config_store`."""
MALFORMED_IDS = ["%00", "a%00b", "x" * 10_000, "%ff%fe", "%0d%0aX-Evil:%201", "'; drop table orders; --", "$where"]


@pytest.fixture
def headers(issuer: Issuer) -> dict[str, str]:
    authorization = issuer.bearer("ADMIN", "VENDOR", "CUSTOMER")
    return {**authorization, "Idempotency-Key": "a-key", "X-Cart-Id": "c" * 27}


def calls(services: FakeServices) -> list[str]:
    return [name for name, _ in services.calls if name != "auth.jwks"]


def names_field(field: str, error: dict[str, Any]) -> bool:
    """Whether an error detail names the field or a part of it."""
    fields = [detail["field"] for detail in error["details"]]
    return any(name == field or name.startswith((f"{field}.", f"{field}[")) for name in fields)


def test_every_route_with_a_body_has_a_valid_example() -> None:
    with_body = {name for name, endpoint in ENDPOINTS.items() if "body" in endpoint.models}
    assert with_body == set(VALID_BODIES)


@pytest.mark.parametrize("name", [name for name in VALID_BODIES if name not in ROWS])
def test_each_invalid_field_of_a_body_is_named(
    client: FlaskClient, services: FakeServices, headers: dict[str, str], name: str
) -> None:
    bodies = [
        (field, body)
        for field, body in invalid_bodies(VALID_BODIES[name])
        if (name, field) not in VALIDATED_BY_SERVICES
    ]
    assert len(bodies) > len(VALID_BODIES[name])

    for field, body in bodies:
        response = client.open(PREFIX + path_of(name), method=ENDPOINTS[name].method, json=body, headers=headers)

        error = response.get_json()["error"]
        assert (response.status_code, error["code"]) == (422, "VALIDATION_ERROR"), (field, body, error)
        assert names_field(field, error), (field, error)
    assert calls(services) == []


@pytest.mark.parametrize("name", ROWS)
def test_unknown_field_beside_the_rows_is_named(
    client: FlaskClient, services: FakeServices, headers: dict[str, str], name: str
) -> None:
    response = client.post(PREFIX + path_of(name), json=VALID_BODIES[name] | {"surprise": 1}, headers=headers)

    assert response.status_code == 422
    assert names_field("surprise", response.get_json()["error"])
    assert calls(services) == []


@pytest.mark.parametrize("name", [name for name, endpoint in ENDPOINTS.items() if "<" in endpoint.rule])
def test_malformed_id_is_not_found(
    client: FlaskClient, services: FakeServices, headers: dict[str, str], name: str
) -> None:
    before, _, rest = ENDPOINTS[name].rule.partition("<")

    for part in MALFORMED_IDS:
        path = before + part + rest.partition(">")[2]
        response = client.open(path, method=ENDPOINTS[name].method, headers=headers)

        assert (response.status_code, response.get_json()["error"]["code"]) == (404, "NOT_FOUND"), part
    assert calls(services) == []
