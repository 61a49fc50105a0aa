"""Users: profiles from events, address books and their defaults, concurrency."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from nameko.testing.services import worker_factory
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from schemas.api.users import AddressEntry, Profile
from schemas.events.auth import UserRegistered
from schemas.rpc.auth import AuthRpc
from services.chassis.common.errors import DomainError, InvalidState, NotFound
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature
from services.chassis.stores.tables import outbox
from services.chassis.testing import connect_postgres
from services.users.domain import MAX_ADDRESSES
from services.users.service import UsersService
from services.users.store import UserStore
from tests.support.callers import customer
from tests.support.fake_services import typed

HOME = {"name": "Ada", "line1": "1 Main St", "city": "Springfield", "postal_code": "12345", "country": "US"}


class Accounts:
    """A fake of auth with the accounts that a test adds."""

    interface = AuthRpc

    def __init__(self) -> None:
        self.accounts_by_id: dict[str, dict[str, Any]] = {}

    def add(self, user_id: str) -> None:
        self.accounts_by_id[user_id] = {
            "id": user_id, "email": "b@example.com", "first_name": "Bob", "last_name": "Hope",
            "roles": ["CUSTOMER"], "email_verified": False,
        }  # fmt: skip

    def get_account(self, user_id: str) -> dict[str, Any]:
        if user_id not in self.accounts_by_id:
            raise NotFound("There is no such account")
        return self.accounts_by_id[user_id]


class UsersClient:
    def __init__(self, store: UserStore) -> None:
        self.store, self.accounts = store, Accounts()
        self.service = worker_factory(UsersService, store=store, auth=typed(self.accounts))

    def call(self, method: str, **kwargs: Any) -> Any:
        contract = Signature(getattr(UsersService, method))
        return getattr(self.service, method)(*contract.arguments([], kwargs))

    def handle_user_registered(self, user_id: str) -> None:
        self.service.create_profile(
            UserRegistered(user_id=user_id, email="a@example.com", first_name="Ada", last_name="Byron", roles=[])
        )

    def person(self) -> str:
        user_id = new_id()
        self.handle_user_registered(user_id)
        return user_id

    def add(self, user_id: str, **values: Any) -> dict[str, Any]:
        return dict(self.call("add_address", caller=customer(user_id), **{**HOME, **values}))

    def defaults(self, user_id: str, purpose: str = "shipping") -> list[str]:
        entries = self.call("list_addresses", caller=customer(user_id))
        return [entry["id"] for entry in entries if entry[f"is_default_{purpose}"]]

    def published_events(self, user_id: str) -> list[tuple[str, str | None]]:
        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            events = [orjson.loads(body) for body in bodies]
        return [(event["type"], event["data"].get("change")) for event in events if event["subject"] == user_id]


@pytest.fixture(scope="module")
def user_store() -> Iterator[UserStore]:
    with connect_postgres("users", UserStore) as store:
        yield store


@pytest.fixture
def users(user_store: UserStore) -> UsersClient:
    return UsersClient(user_store)


def run_concurrently(operations: list[Any]) -> list[str]:
    def run(operation: Any) -> str:
        try:
            operation()
        except DomainError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(len(operations)) as pool:
        return list(pool.map(run, operations))


def test_repeated_user_registered_creates_one_profile(users: UsersClient) -> None:
    user_id = users.person()
    users.call("update_profile", caller=customer(user_id), first_name="Augusta", last_name="King", phone="+1 555 0100")

    users.handle_user_registered(user_id)

    profile = Profile.model_validate(users.call("get_profile", caller=customer(user_id)))
    assert (profile.email, profile.first_name, profile.phone) == ("a@example.com", "Augusta", "+1 555 0100")
    assert users.published_events(user_id) == [("profile_updated", None)]


def test_update_survives_a_profile_created_meanwhile(users: UsersClient, user_store: UserStore) -> None:
    user_id = new_id()
    users.accounts.add(user_id)

    def create_profile(*_statement: Any) -> None:
        users.handle_user_registered(user_id)

    sqlalchemy_event.listen(user_store.engine, "after_cursor_execute", create_profile, once=True)

    saved = users.call("update_profile", caller=customer(user_id), first_name="Augusta", last_name="King")

    assert saved["first_name"] == "Augusta"
    assert users.call("get_profile", caller=customer(user_id))["first_name"] == "Augusta"
    assert users.published_events(user_id) == [("profile_updated", None)]


@pytest.mark.parametrize("first", ["get_profile", "update_profile", "add_address"])
def test_profile_exists_before_user_registered_event(users: UsersClient, first: str) -> None:
    user_id = new_id()
    users.accounts.add(user_id)
    arguments = {"get_profile": {}, "update_profile": {"first_name": "Rob", "last_name": "Hope"}, "add_address": HOME}

    users.call(first, caller=customer(user_id), **arguments[first])
    users.handle_user_registered(user_id)

    assert users.call("get_profile", caller=customer(user_id))["email"] == "b@example.com"


def test_fields_left_out_of_a_profile_are_cleared(users: UsersClient) -> None:
    user_id = users.person()
    users.call("update_profile", caller=customer(user_id), first_name="A", last_name="B", phone="123456", language="en")

    users.call("update_profile", caller=customer(user_id), first_name="A", last_name="B")

    profile = users.call("get_profile", caller=customer(user_id))
    assert (profile["phone"], profile["language"]) == (None, None)


def test_user_without_account_has_no_profile(users: UsersClient) -> None:
    for method, arguments in (("get_profile", {}), ("add_address", HOME), ("get_address", {"address_id": new_id()})):
        with pytest.raises(NotFound):
            users.call(method, caller=customer(new_id()), **arguments)
    assert users.call("list_addresses", caller=customer(new_id())) == []


def test_address_is_created_updated_and_deleted(users: UsersClient) -> None:
    user_id = users.person()

    entry = AddressEntry.model_validate(users.add(user_id, label="Home", region="IL", is_default_billing=True))
    assert users.call("get_address", caller=customer(user_id), address_id=entry.id) == entry.model_dump(mode="json")
    changed = users.call(
        "update_address", caller=customer(user_id), address_id=entry.id, **{**HOME, "city": "Shelbyville"}
    )
    assert (changed["city"], changed["label"], changed["region"]) == ("Shelbyville", None, None)
    users.call("delete_address", caller=customer(user_id), address_id=entry.id)

    with pytest.raises(NotFound):
        users.call("delete_address", caller=customer(user_id), address_id=entry.id)
    event_type = "address_book_changed"
    assert users.published_events(user_id) == [(event_type, "added"), (event_type, "changed"), (event_type, "removed")]


def test_addresses_are_listed_in_order_of_creation(users: UsersClient) -> None:
    user_id = users.person()
    for city in ("A", "B", "C"):
        users.add(user_id, city=city)
    assert [entry["city"] for entry in users.call("list_addresses", caller=customer(user_id))] == ["A", "B", "C"]


@pytest.mark.parametrize("address_id", ["0197b1c8-7a5e-7cc0-9f00-000000000001", "nonsense", "\x00"])
def test_address_of_another_user_is_not_found(users: UsersClient, address_id: str) -> None:
    owner, other = users.person(), users.person()
    owned_id = users.add(owner)["id"]
    for requested_id in (owned_id, address_id):
        for method, arguments in (("get_address", {}), ("update_address", HOME), ("delete_address", {})):
            with pytest.raises(NotFound):
                users.call(method, caller=customer(other), address_id=requested_id, **arguments)
    assert users.call("get_address", caller=customer(owner), address_id=owned_id)["city"] == "Springfield"


def test_new_default_address_replaces_the_old_one(users: UsersClient) -> None:
    user_id = users.person()
    first = users.add(user_id, is_default_shipping=True, is_default_billing=True)["id"]
    second = users.add(user_id, is_default_shipping=True)["id"]
    assert users.defaults(user_id) == [second]
    assert users.defaults(user_id, "billing") == [first]

    users.call("update_address", caller=customer(user_id), address_id=first, **HOME, is_default_shipping=True)

    assert users.defaults(user_id) == [first]
    assert users.defaults(user_id, "billing") == []


def test_new_default_leaves_other_customers_defaults(users: UsersClient) -> None:
    ada, mary = users.person(), users.person()
    address_id = users.add(ada, is_default_shipping=True, is_default_billing=True)["id"]

    users.add(mary, is_default_shipping=True, is_default_billing=True)

    assert users.defaults(ada) == users.defaults(ada, "billing") == [address_id]


def test_concurrent_defaults_leave_one(users: UsersClient) -> None:
    user_id = users.person()
    address_id = users.add(user_id)["id"]
    operations = [lambda: users.add(user_id, is_default_shipping=True)] * 6
    operations += [
        lambda: users.call(
            "update_address", caller=customer(user_id), address_id=address_id, **HOME, is_default_shipping=True
        )
    ] * 2

    assert run_concurrently(operations) == ["done"] * 8

    assert len(users.defaults(user_id)) == 1


def test_full_address_book_refuses_concurrent_additions(users: UsersClient) -> None:
    user_id = users.person()
    for _ in range(MAX_ADDRESSES - 2):
        users.add(user_id)

    assert sorted(run_concurrently([lambda: users.add(user_id)] * 6)) == ["INVALID_STATE"] * 4 + ["done"] * 2

    with pytest.raises(InvalidState):
        users.add(user_id)
    assert len(users.call("list_addresses", caller=customer(user_id))) == MAX_ADDRESSES


def test_concurrent_deletions_delete_once(users: UsersClient) -> None:
    user_id = users.person()
    address_id = users.add(user_id)["id"]

    results = run_concurrently(
        [lambda: users.call("delete_address", caller=customer(user_id), address_id=address_id)] * 4
    )

    assert sorted(results) == ["NOT_FOUND"] * 3 + ["done"]
    assert users.published_events(user_id).count(("address_book_changed", "removed")) == 1
