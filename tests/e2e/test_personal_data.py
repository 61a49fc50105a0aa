"""Export and erasure of a customer with an order, a review, mails, files and tracked sessions."""

from typing import Any

import pytest
import requests

from schemas.events.privacy import PERSONAL_DATA_SERVICES
from tests.support.all_stores import places_of
from tests.support.mailbox import text_of, wait_for_mail
from tests.support.person import PASSWORD, Person, erasure_of, new_person
from tests.support.shop import Shop, eventually, new_key


@pytest.fixture
def person(shop: Shop) -> Person:
    return new_person(shop)


def test_export_holds_what_all_services_have(shop: Shop, person: Person) -> None:
    requested = person.client("POST", "/users/me/export")
    again = person.client("POST", "/users/me/export")

    assert (requested.status, requested.data["id"]) == (202, again.data["id"])
    ready = eventually(lambda: _export_if_ready(person))
    archive = requests.get(f"{shop.url}{ready['url']}", timeout=60).json()
    assert archive.get("error") is None, archive
    assert set(archive) == set(PERSONAL_DATA_SERVICES)
    assert archive["webhooks"] == {}
    assert ready["progress"] == {"done": len(PERSONAL_DATA_SERVICES), "total": len(PERSONAL_DATA_SERVICES)}
    assert archive["auth"]["account"][0]["email"] == person.email
    assert archive["auth"]["sessions"][0]["user_agent"].startswith("python-requests")
    assert archive["users"]["addresses"][0]["line1"] == person.street
    assert archive["orders"]["orders"][0]["note"] == person.note
    assert archive["payments"]["payments"][0]["order_id"] == person.order_id
    assert archive["reviews"]["reviews"][0]["id"] == person.review_id
    assert person.email in {message["to"] for message in archive["notifications"]["messages"]}
    assert archive["notifications"]["profile"][0]["phone"] == person.phone
    assert [line["quantity"] for line in archive["cart"]["items"]] == [1]
    assert archive["files"]["files"][0]["purpose"] == "review"
    assert "account.create" in {entry["action"] for entry in archive["audit"]["entries"]}
    assert "password" not in str(archive["auth"]["account"])


def test_links_of_exports_are_signed(shop: Shop, person: Person) -> None:
    export_id = person.client("POST", "/users/me/export").data["id"]
    ready = eventually(lambda: person.client("GET", "/users/me/export").data.get("url"))
    forged = [
        ready[:-1] + ("A" if ready[-1] != "A" else "B"),
        ready.replace("expires=", "expires=1"),
        f"/api/v1/users/exports/{export_id}?expires=99999999999&signature=x",
    ]

    statuses = [requests.get(f"{shop.url}{url}", timeout=60).status_code for url in forged]

    assert statuses == [404, 404, 404]


def test_erasure_needs_the_password(person: Person) -> None:
    refused = person.client("DELETE", "/users/me", {"password": "not this one"})

    assert (refused.status, refused.error["details"][0]["field"]) == (422, "password")
    assert person.client("GET", "/auth/me").data["email"] == person.email


def test_staff_cannot_erase_their_accounts(shop: Shop) -> None:
    refused = shop.member("VENDOR")("DELETE", "/users/me", {"password": PASSWORD})

    assert (refused.status, refused.code) == (409, "INVALID_STATE")


def test_nothing_of_an_erased_person_is_stored(shop: Shop, person: Person) -> None:
    assert {value for _, value in places_of(person.values)} == {value.lower() for value in person.values}

    erased = person.client("DELETE", "/users/me", {"password": PASSWORD})

    assert (erased.status, erased.data["status"]) == (202, "running")
    assert eventually(lambda: person.client("GET", "/auth/me").status == 401)
    assert shop.guest()("POST", "/auth/login", {"email": person.email, "password": PASSWORD}).status == 401
    assert eventually(lambda: erasure_of(shop, person)["status"] == "completed")
    assert eventually(lambda: places_of(person.values) == set(), every=1), places_of(person.values)
    _check_what_is_kept(shop, person)


def test_staff_erase_a_person_who_gets_a_last_mail(shop: Shop) -> None:
    email = f"{new_key()[:12]}@example.com"
    client = shop.customer(email)
    token = text_of(wait_for_mail(email, "Is this your address")).partition("token=")[2].split()[0]
    client("POST", "/auth/verify-email", {"token": token})
    client("PUT", "/users/me/preferences", {"language": "de"})
    user_id = client("GET", "/auth/me").data["id"]
    path, body = f"/users/{user_id}", {"reason": "Request by letter of 2 November"}

    refused = [shop.member(role)("DELETE", path, body) for role in ("CUSTOMER", "SUPPORT")]
    erased = shop.admin("DELETE", path, body)

    assert [reply.code for reply in refused] == ["FORBIDDEN", "FORBIDDEN"]
    assert (erased.status, erased.data["status"]) == (202, "running")
    assert "dies ist die letzte nachricht" in text_of(wait_for_mail(email, "gelöscht")).lower()
    assert eventually(lambda: client("GET", "/auth/me").status == 401)
    assert eventually(lambda: shop.admin("GET", f"{path}/erasure").data["status"] == "completed")
    assert eventually(lambda: places_of([email]) == set(), every=1), places_of([email])
    [entry] = shop.admin("GET", f"/audit?resource_type=erasure&resource_id={erased.data['id']}").data
    reasons = [change["after"] for change in entry["changes"] if change["field"] == "reason"]
    assert (reasons, shop.admin("DELETE", path, body).status) == ([body["reason"]], 404)


def test_administrators_do_not_erase_themselves(shop: Shop) -> None:
    administrator = shop.member("ADMIN")
    user_id = administrator("GET", "/auth/me").data["id"]

    refused = administrator("DELETE", f"/users/{user_id}", {"reason": "Mine"})

    assert (refused.status, refused.code) == (409, "INVALID_STATE")


def _export_if_ready(person: Person) -> dict[str, Any] | None:
    export: dict[str, Any] = person.client("GET", "/users/me/export").data
    return export if export["status"] == "ready" else None


def _check_what_is_kept(shop: Shop, person: Person) -> None:
    """The order without the person, cancelled since it has no address any more; its payment; the review."""
    order = shop.admin("GET", f"/orders/{person.order_id}").data
    listed = shop.admin("GET", f"/orders?user_id={person.user_id}").data
    payment = shop.admin("GET", f"/payments/{order['payment']['id']}").data
    account = shop.admin("GET", f"/users/{person.user_id}").data
    review = shop.admin("GET", f"/reviews/{person.review_id}")
    assert order["status"] == "cancelled"
    assert order["email"] == f"{person.user_id}@erased.invalid"
    assert order["shipping_address"]["name"] == "Former customer"
    assert order["shipping_address"]["country"] == "US"
    assert [row["email"] for row in listed] == [order["email"]]
    assert (payment["status"], payment["amount"]) == ("refunded", order["total"])
    assert (account["status"], account["roles"]) == ("erased", [])
    assert (review.status, review.data["author"]["name"]) == (200, "Former customer")
    assert shop.admin("GET", "/audit/verify").data["valid"] is True
    again = {"email": person.email, "password": PASSWORD, "first_name": "Zoe", "last_name": "Quux"}
    assert shop.guest()("POST", "/auth/register", again).status == 201
