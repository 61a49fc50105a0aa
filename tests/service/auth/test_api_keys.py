"""API keys: scopes within the creator's permissions, expiry, deletion, service accounts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from schemas.caller import Caller
from services.auth.api_keys import digest
from services.auth.models import accounts, api_keys
from services.chassis.common import clock
from services.chassis.common.errors import Conflict, Forbidden, NotFound, Unauthenticated, ValidationFailed
from tests.service.auth.conftest import AuthClient


@pytest.fixture
def owner(auth: AuthClient) -> Caller:
    user = auth.register()["user"]
    with auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.id == user["id"]).values(email_verified=True))
    return Caller(user_id=user["id"], roles=["CUSTOMER"])


@pytest.fixture
def admin(auth: AuthClient) -> Caller:
    return Caller(user_id=auth.register()["user"]["id"], roles=["ADMIN"])


def create(auth: AuthClient, caller: Caller, **values: Any) -> dict[str, Any]:
    return dict(auth.call("create_api_key", **{"name": "Export", "scopes": ["orders.read"], "caller": caller} | values))


def test_key_stands_for_its_owner_within_its_scopes(auth: AuthClient, owner: Caller) -> None:
    created = create(auth, owner, scopes=["orders.read", "reviews.write"], requests_per_minute=60)

    identified = auth.call("identify_key", key=created["key"])

    assert created["key"].startswith("umk_")
    assert created["prefix"] == created["key"][:12]
    assert identified["caller"]["user_id"] == owner.user_id
    assert identified["caller"]["scopes"] == ["orders.read", "reviews.write"]
    assert identified["requests_per_minute"] == 60
    assert Caller(**identified["caller"]).permissions == {"orders.read", "reviews.write"}


def test_key_itself_is_not_stored(auth: AuthClient, owner: Caller) -> None:
    created = create(auth, owner)

    [listed] = auth.call("api_keys", caller=owner)

    assert listed == {name: value for name, value in created.items() if name != "key"}
    with auth.store.reading() as connection:
        row = connection.execute(api_keys.select().where(api_keys.c.id == created["id"])).one()
    assert created["key"] not in str(row)
    assert row.digest == digest(created["key"])


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"scopes": ["payments.refund"]}, Forbidden),
        ({"scopes": ["account.security"]}, ValidationFailed),
        ({"scopes": ["api_keys.write"]}, ValidationFailed),
        ({"scopes": []}, ValidationFailed),
        ({"scopes": ["no.such"]}, ValidationFailed),
        ({"service_account": True}, Forbidden),
        ({"expires_at": "2020-01-01T00:00:00Z"}, ValidationFailed),
    ],
)
def test_key_is_refused(auth: AuthClient, owner: Caller, values: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        create(auth, owner, **values)

    assert auth.call("api_keys", caller=owner) == []


def test_roles_taken_from_the_owner_count_at_once(auth: AuthClient, admin: Caller) -> None:
    with auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.id == admin.user_id).values(roles=["ADMIN"]))
    key = create(auth, admin, scopes=["audit.read"])["key"]
    before = Caller(**auth.call("identify_key", key=key)["caller"]).permissions
    with auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.id == admin.user_id).values(roles=["CUSTOMER"]))

    assert before == {"audit.read"}
    assert Caller(**auth.call("identify_key", key=key)["caller"]).permissions == frozenset()


def test_expired_deleted_and_unknown_keys_are_refused(
    auth: AuthClient, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    expiring = create(auth, owner, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    deleted = create(auth, owner)
    auth.call("delete_api_key", key_id=deleted["id"], caller=owner)
    assert auth.call("identify_key", key=expiring["key"])["key_id"] == expiring["id"]
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)

    for key in (expiring["key"], deleted["key"], "umk_unknown"):
        with pytest.raises(Unauthenticated):
            auth.call("identify_key", key=key)


def test_key_of_a_disabled_owner_is_refused(auth: AuthClient, owner: Caller, admin: Caller) -> None:
    key = create(auth, owner)["key"]
    auth.call("update_account", user_id=owner.user_id, status="disabled", caller=admin)

    with pytest.raises(Unauthenticated):
        auth.call("identify_key", key=key)


def test_service_account_outlives_its_creator(auth: AuthClient, admin: Caller) -> None:
    created = create(auth, admin, scopes=["orders.read_any"], service_account=True)
    with auth.store.transaction() as session:
        session.execute(update(accounts).where(accounts.c.id == admin.user_id).values(status="disabled", roles=[]))

    caller = Caller(**auth.call("identify_key", key=created["key"])["caller"])

    assert caller.user_id == created["id"]
    assert caller.permissions == {"orders.read_any", "orders.read"}


def test_foreign_key_is_not_found(auth: AuthClient, owner: Caller) -> None:
    created = create(auth, owner)
    other = Caller(user_id=auth.register()["user"]["id"], roles=["CUSTOMER"])

    with pytest.raises(NotFound):
        auth.call("delete_api_key", key_id=created["id"], caller=other)

    assert auth.call("api_keys", caller=other) == []
    assert auth.call("identify_key", key=created["key"])["key_id"] == created["id"]


def test_account_has_fifty_keys_at_most(auth: AuthClient, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.auth.api_keys.MAX_KEYS", 2)
    for _ in range(2):
        create(auth, owner)

    with pytest.raises(Conflict):
        create(auth, owner)


def test_use_of_a_key_is_recorded(auth: AuthClient, owner: Caller) -> None:
    created = create(auth, owner)
    auth.call("identify_key", key=created["key"])

    [listed] = auth.call("api_keys", caller=owner)

    assert created["last_used_at"] is None
    assert listed["last_used_at"] > created["created_at"]
