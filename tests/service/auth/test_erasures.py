"""Erasure of accounts by staff, on the real PostgreSQL."""

from typing import Any

import orjson
import pytest
from sqlalchemy import select

from schemas.caller import Caller
from services.chassis.common.errors import InvalidCredentials, InvalidState, NotFound
from services.chassis.common.ids import new_id
from services.chassis.stores.tables import outbox
from tests.service.auth.conftest import PASSWORD, AuthClient, new_email

ADMIN = Caller(user_id=new_id(), roles=["ADMIN"])
REASON = "Request by letter of 2 November"


def create(auth: AuthClient, *roles: str) -> dict[str, Any]:
    person = {"email": new_email(), "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}
    return dict(auth.call("create_user", **person, roles=list(roles) or ["CUSTOMER"]))


def erase(auth: AuthClient, user_id: str, caller: Caller = ADMIN) -> dict[str, Any]:
    return dict(auth.call("erase_user", user_id=user_id, reason=REASON, caller=caller))


def recorded(auth: AuthClient, resource: tuple[str, str]) -> list[dict[str, Any]]:
    """The audit entries on a resource, from the outbox."""
    with auth.store.reading() as connection:
        events = [orjson.loads(body)["data"] for body in connection.execute(select(outbox.c.body)).scalars()]
    entries = [event for event in events if "resource" in event]
    return [entry for entry in entries if (entry["resource"]["type"], entry["resource"]["id"]) == resource]


def test_account_is_erased_with_its_reason_recorded(auth: AuthClient) -> None:
    person = create(auth)

    erasure = erase(auth, person["id"])

    assert erasure["status"] == "running"
    assert auth.call("account", user_id=person["id"], caller=ADMIN)["status"] == "erased"
    assert "account_erased" in auth.event_types(person["id"])
    [entry] = recorded(auth, ("erasure", erasure["id"]))
    values = {change["field"]: change["after"] for change in entry["changes"]}
    assert values == {"account_id": person["id"], "reason": REASON}
    with pytest.raises(InvalidCredentials):
        auth.call("login", email=person["email"], password=PASSWORD)


def test_account_is_erased_once(auth: AuthClient) -> None:
    person = create(auth)
    erase(auth, person["id"])

    with pytest.raises(NotFound):
        erase(auth, person["id"])
    with pytest.raises(NotFound):
        erase(auth, new_id())


@pytest.mark.parametrize("roles", [("ADMIN",), ("VENDOR",), ("CUSTOMER", "SUPPORT")])
def test_staff_and_vendors_are_not_erased(auth: AuthClient, roles: tuple[str, ...]) -> None:
    person = create(auth, *roles)

    with pytest.raises(InvalidState):
        erase(auth, person["id"])

    assert auth.call("account", user_id=person["id"], caller=ADMIN)["status"] == "active"


def test_own_account_is_not_erased_by_the_staff_method(auth: AuthClient) -> None:
    person = create(auth)

    with pytest.raises(InvalidState):
        erase(auth, person["id"], Caller(user_id=person["id"], roles=["ADMIN"]))
