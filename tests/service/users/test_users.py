"""Profiles from events, and address books whose defaults never meet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from nameko.testing.services import worker_factory
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
        self.known: dict[str, dict[str, Any]] = {}

    def get_account(self, user_id: str) -> dict[str, Any]:
        if user_id not in self.known:
            raise NotFound("There is no such account")
        return self.known[user_id]


class Desk:
    def __init__(self, store: UserStore) -> None:
        self.store, self.accounts = store, Accounts()
        self.service = worker_factory(UsersService, store=store, auth=typed(self.accounts))

    def call(self, method: str, **kwargs: Any) -> Any:
        contract = Signature(getattr(UsersService, method))
        return getattr(self.service, method)(*contract.arguments([], kwargs))

    def hear(self, user_id: str) -> None:
        self.service.create_profile(
            UserRegistered(user_id=user_id, email="a@example.com", first_name="Ada", last_name="Byron", roles=[])
        )

    def person(self) -> str:
        user_id = new_id()
        self.hear(user_id)
        return user_id

    def add(self, user_id: str, **values: Any) -> dict[str, Any]:
        return dict(self.call("add_address", caller=customer(user_id), **{**HOME, **values}))

    def defaults(self, user_id: str, purpose: str = "shipping") -> list[str]:
        book = self.call("list_addresses", caller=customer(user_id))
        return [entry["id"] for entry in book if entry[f"is_default_{purpose}"]]

    def said(self, user_id: str) -> list[tuple[str, str | None]]:
        with self.store.transaction() as session:
            bodies = session.execute(select(outbox.c.body).order_by(outbox.c.position)).scalars()
            events = [orjson.loads(body) for body in bodies]
        return [(event["type"], event["data"].get("change")) for event in events if event["subject"] == user_id]


@pytest.fixture(scope="module")
def user_store() -> Iterator[UserStore]:
    with connect_postgres("users", UserStore) as store:
        yield store


@pytest.fixture
def desk(user_store: UserStore) -> Desk:
    return Desk(user_store)


def outcomes(works: list[Any]) -> list[str]:
    def run(work: Any) -> str:
        try:
            work()
        except DomainError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_repeated_user_registered_creates_one_profile(desk: Desk) -> None:
    user_id = desk.person()
    desk.call("update_profile", caller=customer(user_id), first_name="Augusta", last_name="King", phone="+1 555 0100")

    desk.hear(user_id)

    profile = Profile.model_validate(desk.call("get_profile", caller=customer(user_id)))
    assert (profile.email, profile.first_name, profile.phone) == ("a@example.com", "Augusta", "+1 555 0100")
    assert desk.said(user_id) == [("profile_updated", None)]


@pytest.mark.parametrize("first", ["get_profile", "update_profile", "add_address"])
def test_profile_exists_before_user_registered_event(desk: Desk, first: str) -> None:
    user_id = new_id()
    desk.accounts.known[user_id] = {
        "id": user_id, "email": "b@example.com", "first_name": "Bob", "last_name": "Hope",
        "roles": ["CUSTOMER"], "email_verified": False,
    }  # fmt: skip
    given = {"get_profile": {}, "update_profile": {"first_name": "Rob", "last_name": "Hope"}, "add_address": HOME}

    desk.call(first, caller=customer(user_id), **given[first])
    desk.hear(user_id)

    assert desk.call("get_profile", caller=customer(user_id))["email"] == "b@example.com"


def test_what_is_left_out_of_a_profile_is_empty_afterwards(desk: Desk) -> None:
    user_id = desk.person()
    desk.call("update_profile", caller=customer(user_id), first_name="A", last_name="B", phone="123456", language="en")

    desk.call("update_profile", caller=customer(user_id), first_name="A", last_name="B")

    profile = desk.call("get_profile", caller=customer(user_id))
    assert (profile["phone"], profile["language"]) == (None, None)


def test_who_has_no_account_has_nothing_here(desk: Desk) -> None:
    for method, more in (("get_profile", {}), ("add_address", HOME), ("get_address", {"address_id": new_id()})):
        with pytest.raises(NotFound):
            desk.call(method, caller=customer(new_id()), **more)
    assert desk.call("list_addresses", caller=customer(new_id())) == []


def test_an_address_is_kept_changed_and_removed(desk: Desk) -> None:
    user_id = desk.person()

    entry = AddressEntry.model_validate(desk.add(user_id, label="Home", region="IL", is_default_billing=True))
    assert desk.call("get_address", caller=customer(user_id), address_id=entry.id) == entry.model_dump(mode="json")
    changed = desk.call(
        "update_address", caller=customer(user_id), address_id=entry.id, **{**HOME, "city": "Shelbyville"}
    )
    assert (changed["city"], changed["label"], changed["region"]) == ("Shelbyville", None, None)
    desk.call("delete_address", caller=customer(user_id), address_id=entry.id)

    with pytest.raises(NotFound):
        desk.call("delete_address", caller=customer(user_id), address_id=entry.id)
    book = "address_book_changed"
    assert desk.said(user_id) == [(book, "added"), (book, "changed"), (book, "removed")]


def test_a_book_is_read_in_the_order_it_was_written(desk: Desk) -> None:
    user_id = desk.person()
    for city in ("A", "B", "C"):
        desk.add(user_id, city=city)
    assert [entry["city"] for entry in desk.call("list_addresses", caller=customer(user_id))] == ["A", "B", "C"]


@pytest.mark.parametrize("address_id", ["0197b1c8-7a5e-7cc0-9f00-000000000001", "nonsense", "\x00"])
def test_an_address_of_somebody_else_is_not_found(desk: Desk, address_id: str) -> None:
    owner, stranger = desk.person(), desk.person()
    theirs = desk.add(owner)["id"]
    for wanted in (theirs, address_id):
        for method, more in (("get_address", {}), ("update_address", HOME), ("delete_address", {})):
            with pytest.raises(NotFound):
                desk.call(method, caller=customer(stranger), address_id=wanted, **more)
    assert desk.call("get_address", caller=customer(owner), address_id=theirs)["city"] == "Springfield"


def test_a_new_default_takes_the_place_of_the_old_one(desk: Desk) -> None:
    user_id = desk.person()
    first = desk.add(user_id, is_default_shipping=True, is_default_billing=True)["id"]
    second = desk.add(user_id, is_default_shipping=True)["id"]
    assert desk.defaults(user_id) == [second]
    assert desk.defaults(user_id, "billing") == [first]

    desk.call("update_address", caller=customer(user_id), address_id=first, **HOME, is_default_shipping=True)

    assert desk.defaults(user_id) == [first]
    assert desk.defaults(user_id, "billing") == []


def test_new_default_leaves_other_customers_defaults(desk: Desk) -> None:
    ada, mary = desk.person(), desk.person()
    theirs = desk.add(ada, is_default_shipping=True, is_default_billing=True)["id"]

    desk.add(mary, is_default_shipping=True, is_default_billing=True)

    assert desk.defaults(ada) == desk.defaults(ada, "billing") == [theirs]


def test_defaults_set_at_once_leave_one(desk: Desk) -> None:
    user_id = desk.person()
    old = desk.add(user_id)["id"]
    works = [lambda: desk.add(user_id, is_default_shipping=True)] * 6
    works += [
        lambda: desk.call("update_address", caller=customer(user_id), address_id=old, **HOME, is_default_shipping=True)
    ] * 2

    assert outcomes(works) == ["done"] * 8

    assert len(desk.defaults(user_id)) == 1


def test_a_full_book_takes_no_more_even_at_once(desk: Desk) -> None:
    user_id = desk.person()
    for _ in range(MAX_ADDRESSES - 2):
        desk.add(user_id)

    assert sorted(outcomes([lambda: desk.add(user_id)] * 6)) == ["INVALID_STATE"] * 4 + ["done"] * 2

    with pytest.raises(InvalidState):
        desk.add(user_id)
    assert len(desk.call("list_addresses", caller=customer(user_id))) == MAX_ADDRESSES


def test_removed_by_four_at_once_it_is_removed_once(desk: Desk) -> None:
    user_id = desk.person()
    address_id = desk.add(user_id)["id"]

    done = outcomes([lambda: desk.call("delete_address", caller=customer(user_id), address_id=address_id)] * 4)

    assert sorted(done) == ["NOT_FOUND"] * 3 + ["done"]
    assert desk.said(user_id).count(("address_book_changed", "removed")) == 1
