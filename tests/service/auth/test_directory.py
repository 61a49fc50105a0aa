"""Administration of accounts: search, status, roles, groups, amounts spent."""

from threading import Thread
from typing import Any

import jwt
import pytest
from sqlalchemy import text

from schemas.caller import Caller
from schemas.events.payments import PaymentCaptured, PaymentRefunded
from services.auth.directory import Directory
from services.chassis.common.errors import Forbidden, InvalidCredentials, InvalidState, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from tests.service.auth.conftest import PASSWORD, AuthClient, new_email

LETTERS = str.maketrans("0123456789", "ghijklmnop")
ADMIN = Caller(user_id=new_id(), roles=["ADMIN"])


def new_name() -> str:
    """A name that nobody else has."""
    return "Q" + new_id().replace("-", "")[-16:].translate(LETTERS)


def create(auth: AuthClient, *roles: str, **values: Any) -> dict[str, Any]:
    person = {"email": new_email(), "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"} | values
    return dict(auth.call("create_user", **person, roles=list(roles) or ["CUSTOMER"]))


def find(auth: AuthClient, **filters: Any) -> list[str]:
    page = auth.call("accounts", query=filters | {"limit": 100}, caller=ADMIN)
    assert page["total"] == len(page["items"])
    return [item["id"] for item in page["items"]]


def test_accounts_are_found_by_each_filter(auth: AuthClient) -> None:
    name = new_name()
    vendor = create(auth, "VENDOR", last_name=name)
    disabled = create(auth, last_name=name)
    auth.call("update_account", user_id=disabled["id"], status="disabled", caller=ADMIN)

    assert set(find(auth, q=name.lower())) == {vendor["id"], disabled["id"]}
    assert find(auth, q=vendor["email"][:40]) == [vendor["id"]]
    assert find(auth, q=name, role="VENDOR") == [vendor["id"]]
    assert find(auth, q=name, status="disabled") == [disabled["id"]]
    assert find(auth, q="%" + name[1:]) == []
    assert find(auth, q=name, registered_from="2100-01-01T00:00:00Z") == []


def test_accounts_are_sorted_and_paged(auth: AuthClient) -> None:
    name = new_name()
    ids = [create(auth, last_name=name)["id"] for _ in range(3)]

    pages = [
        auth.call("accounts", query={"q": name, "sort": "created_at", "limit": 2, "page": page}, caller=ADMIN)
        for page in (1, 2)
    ]

    assert [[item["id"] for item in page["items"]] for page in pages] == [ids[:2], ids[2:]]
    assert find(auth, q=name, sort="-created_at") == ids[::-1]


def test_spending_is_added_once_and_reduced_by_refunds(auth: AuthClient) -> None:
    user = create(auth)
    captured = PaymentCaptured(
        payment_id=new_id(), order_id=new_id(), amount=5000, captured=5000, currency="USD", provider="sandbox",
        customer_id=user["id"],
    )  # fmt: skip
    refunded = PaymentRefunded(
        payment_id=new_id(), order_id=new_id(), refund_id=new_id(), refund=1200, refunded=1200, amount=5000,
        currency="USD", provider="sandbox", customer_id=user["id"],
    )  # fmt: skip
    events = [type(event).from_envelope(envelope(event)) for event in (captured, refunded)]

    auth.store.directory.add_spending(events)
    auth.store.directory.add_spending(events)

    assert auth.call("account", user_id=user["id"], caller=ADMIN)["spent"] == {"USD": 3800}
    assert user["id"] in find(auth, min_spent=3800, sort="-spent")
    assert user["id"] not in find(auth, min_spent=3801)


def test_disabled_account_cannot_log_in_until_enabled(auth: AuthClient) -> None:
    user = create(auth)
    auth.call("update_account", user_id=user["id"], status="disabled", caller=ADMIN)

    with pytest.raises(InvalidCredentials):
        auth.call("login", email=user["email"], password=PASSWORD)
    auth.call("update_account", user_id=user["id"], status="active", caller=ADMIN)

    assert auth.call("login", email=user["email"], password=PASSWORD)["user"]["id"] == user["id"]
    assert auth.event_types(user["id"])[1:3] == ["account_disabled", "account_enabled"]


def test_nobody_grants_more_than_they_have(auth: AuthClient) -> None:
    user, support = create(auth), Caller(user_id=new_id(), roles=["SUPPORT"])

    with pytest.raises(Forbidden):
        auth.service.store.directory.set_roles(user["id"], ["ADMIN"], support.permissions)

    assert auth.call("account", user_id=user["id"], caller=ADMIN)["roles"] == ["CUSTOMER"]


def test_account_with_more_permissions_is_not_changed(auth: AuthClient) -> None:
    admin, support = create(auth, "ADMIN"), Caller(user_id=new_id(), roles=["SUPPORT"])

    with pytest.raises(Forbidden):
        auth.service.store.directory.set_roles(admin["id"], ["CUSTOMER"], support.permissions)

    assert auth.call("account", user_id=admin["id"], caller=ADMIN)["roles"] == ["ADMIN"]


def test_unknown_role_is_named(auth: AuthClient) -> None:
    with pytest.raises(ValidationFailed) as refused:
        auth.call("set_roles", user_id=create(auth)["id"], roles=["CUSTOMER", "WIZARD"], caller=ADMIN)

    assert refused.value.details == [{"field": "roles.1", "message": "is not a role"}]


def test_groups_are_kept_and_left(auth: AuthClient) -> None:
    user, name = create(auth), f"g{new_id()[-12:]}"
    auth.call("put_group", name=name, title="Wholesale", caller=ADMIN)
    auth.call("update_account", user_id=user["id"], groups=[name], caller=ADMIN)

    [group] = [row for row in auth.call("groups", caller=ADMIN) if row["name"] == name]
    assert group == {"name": name, "title": "Wholesale", "members": 1, "version": 1}
    assert find(auth, group=name) == [user["id"]]

    auth.call("delete_group", name=name, caller=ADMIN)
    assert auth.call("account", user_id=user["id"], caller=ADMIN)["groups"] == []
    with pytest.raises(ValidationFailed):
        auth.call("update_account", user_id=user["id"], groups=[name], caller=ADMIN)


def test_own_account_cannot_be_disabled(auth: AuthClient) -> None:
    admin = create(auth, "ADMIN")

    caller = Caller(user_id=admin["id"], roles=["ADMIN"])

    with pytest.raises(InvalidState):
        auth.call("update_account", user_id=admin["id"], status="disabled", caller=caller)


@pytest.fixture
def two_administrators(auth: AuthClient) -> list[str]:
    """The ids of the only administrators."""
    with auth.store.transaction() as session:
        session.execute(text("update accounts set roles = '{CUSTOMER}' where 'ADMIN' = any(roles)"))
    return [create(auth, "ADMIN")["id"] for _ in range(2)]


def demote(auth: AuthClient, user_id: str) -> str:
    try:
        auth.call("set_roles", user_id=user_id, roles=["CUSTOMER"], caller=ADMIN)
    except InvalidState as refused:
        return str(refused)
    return "demoted"


def test_last_administrator_stays(auth: AuthClient, two_administrators: list[str]) -> None:
    first, last = two_administrators

    assert demote(auth, first) == "demoted"
    assert demote(auth, last) == "This is the last administrator: make another one first"
    with pytest.raises(InvalidState, match="last administrator"):
        auth.call("update_account", user_id=last, status="disabled", caller=ADMIN)
    auth.call("set_roles", user_id=last, roles=["ADMIN", "VENDOR"], caller=ADMIN)

    assert auth.call("account", user_id=last, caller=ADMIN)["roles"] == ["ADMIN", "VENDOR"]


def test_administrators_cannot_demote_each_other(
    auth: AuthClient, two_administrators: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two_administrators
    check, outcomes = Directory._keep_an_administrator, []
    other = Thread(target=lambda: outcomes.append(demote(auth, second)))

    def check_then_demote_the_other(session: Any, account: Any) -> None:
        monkeypatch.setattr(Directory, "_keep_an_administrator", staticmethod(check))
        check(session, account)
        other.start()
        other.join(1)

    monkeypatch.setattr(Directory, "_keep_an_administrator", staticmethod(check_then_demote_the_other))
    outcomes.append(demote(auth, first))
    other.join()

    assert sorted(outcomes) == ["This is the last administrator: make another one first", "demoted"]


def test_null_leaves_a_field_as_it_is(auth: AuthClient) -> None:
    user = create(auth, last_name="Lovelace")

    changed = auth.call("update_account", user_id=user["id"], first_name="Grace", last_name=None, caller=ADMIN)
    with pytest.raises(ValidationFailed):
        auth.call("update_account", user_id=user["id"], status=None, groups=None, caller=ADMIN)

    assert (changed["first_name"], changed["last_name"]) == ("Grace", "Lovelace")


def test_login_during_a_role_change_gets_the_new_roles(auth: AuthClient, monkeypatch: pytest.MonkeyPatch) -> None:
    user = create(auth, "ADMIN")
    open_session = auth.store.open_session

    def demote_first(*args: Any) -> Any:
        auth.call("set_roles", user_id=user["id"], roles=["CUSTOMER"], caller=ADMIN)
        return open_session(*args)

    monkeypatch.setattr(auth.store, "open_session", demote_first)
    signed_in = auth.call("login", email=user["email"], password=PASSWORD)

    claims = jwt.decode(signed_in["access_token"], options={"verify_signature": False})
    assert (claims["roles"], signed_in["user"]["roles"]) == (["CUSTOMER"], ["CUSTOMER"])


def test_api_key_manages_accounts_within_its_scopes(auth: AuthClient) -> None:
    user = create(auth)
    key = Caller(user_id=new_id(), roles=["ADMIN"], scopes=["users.manage", "users.read"])

    changed = auth.call("update_account", user_id=user["id"], first_name="Grace", caller=key)

    assert changed["first_name"] == "Grace"


def test_unknown_account_is_not_found(auth: AuthClient) -> None:
    with pytest.raises(NotFound):
        auth.call("account", user_id=new_id(), caller=ADMIN)
