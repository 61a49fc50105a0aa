"""Mass assignment: fields that nobody may send are refused by name on every route, in every object of the body."""

from collections.abc import Iterator
from typing import Any

from gateway_flask.openapi.endpoints import ENDPOINTS
from tests.support.bodies import VALID_BODIES, with_value
from tests.support.existing_customer import ExistingCustomer
from tests.support.routes import path_of
from tests.support.shop import Shop, new_key

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
PRIVILEGES: dict[str, Any] = {
    "role": "ADMIN",
    "is_admin": True,
    "user_id": ID,
    "owner_id": ID,
    "email_verified": True,
    "password_hash": "x",
    "price_override": {"amount": 1, "currency": "USD"},
    "unit_price": {"amount": 1, "currency": "USD"},
    "total": {"amount": 1, "currency": "USD"},
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "caller": {"roles": ["ADMIN"], "user_id": ID},
    "idempotency": {"owner": "user:x", "key": "k", "fingerprint": "f"},
    "__proto__": {"roles": ["ADMIN"]},
    "constructor": {"prototype": {"roles": ["ADMIN"]}},
}
"""Fields that no request has; which routes take roles, status or version is in `tests/contract/test_request_models`."""
FREE_NAMES = {"attributes", "options", "image_alts", "kinds", "margins", "boosts", "variants"}
"""Objects whose names a client chooses, which are validated by their values."""
ROWS = {"products", "reviews", "events"}
"""Rows that the service validates one by one."""


def objects(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all objects in a body with declared fields, the body itself first."""
    if isinstance(body, dict):
        if not at or at[-1] not in FREE_NAMES:
            yield at
        for name, value in body.items():
            if name not in ROWS:
                yield from objects(value, (*at, name))
    if isinstance(body, list):
        for index, value in enumerate(body):
            yield from objects(value, (*at, index))


def with_privileges(body: Any, at: tuple[Any, ...]) -> Any:
    inner = body
    for step in at:
        inner = inner[step]
    return with_value({"body": body}, ("body", *at), inner | PRIVILEGES)["body"]


def test_privileged_fields_are_refused_everywhere(shop: Shop, unchanged: ExistingCustomer) -> None:
    accepted = {}
    for name, body in VALID_BODIES.items():
        for at in objects(body):
            sent = with_privileges(body, at)
            reply = shop.admin(ENDPOINTS[name].method, path_of(name), sent, key=new_key())
            refused = {detail["field"] for detail in reply.error["details"]} if reply.status == 422 else set()
            missing = {field for field in PRIVILEGES if ".".join(map(str, (*at, field))) not in refused}
            if missing:
                accepted[(name, *at)] = (reply.status, missing)

    assert len(VALID_BODIES) > 70
    assert accepted == {}


def test_rows_of_imports_and_events_take_no_privileges(shop: Shop, unchanged: ExistingCustomer) -> None:
    for field, value in PRIVILEGES.items():
        product = VALID_BODIES["create_product"] | {field: value}
        [row] = shop.admin("POST", "/products/import", {"products": [product]}, key=new_key()).data["rows"]
        event = VALID_BODIES["track_events"]["events"][0] | {field: value}
        tracked = shop.guest()("POST", "/events", VALID_BODIES["track_events"] | {"events": [event]}).data

        assert (row["status"], row["field"], row["reason"]) == ("refused", field, "is not a known field")
        assert (tracked["accepted"], tracked["rejected"][0]["message"]) == (0, f"{field}: is not a known field")
