"""Access control: every route of the gateway as anonymous, customer, vendor and administrator."""

import pytest

from gateway_flask.openapi.endpoints import ENDPOINTS
from tests.support.routes import ACCESS, ANONYMOUS, ROLES, path_of
from tests.support.shop import Shop, new_key

UNAUTHENTICATED = (401, "UNAUTHENTICATED")
FORBIDDEN = (403, "FORBIDDEN")
PERMITTED = (422, "VALIDATION_ERROR")
"""The reply to the unknown parameter sent along, so that a permitted request changes nothing."""


def test_access_table_names_every_route() -> None:
    assert sorted(ACCESS) == sorted(ENDPOINTS)


@pytest.mark.parametrize("role", ROLES)
def test_role_opens_its_routes_and_no_others(shop: Shop, role: str) -> None:
    client = shop.guest() if role == ANONYMOUS else shop.member(role)
    refused = UNAUTHENTICATED if role == ANONYMOUS else FORBIDDEN

    replies = {}
    for name, endpoint in ENDPOINTS.items():
        reply = client(endpoint.method, path_of(name), params={"surprise": 1}, key=new_key())
        replies[name] = (reply.status, reply.code)

    assert replies == {name: PERMITTED if role in ACCESS[name] else refused for name in ENDPOINTS}
