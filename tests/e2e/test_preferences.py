"""Preferences of a customer: kept, versioned, heeded by mails; advertising needs consent, until it is withdrawn."""

import os
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.mailbox import mails_to, text_of, wait_for_mail
from tests.support.shop import Client, Shop, eventually

INVITATION = "how do you like"
NONE = {"language": None, "currency": None, "time_zone": None, "marketing": False}


@pytest.fixture
def customer(shop: Shop) -> Client:
    """A customer whose address counts as verified, since an operator created the account."""
    return shop.member("CUSTOMER")


def email_of(client: Client) -> str:
    return str(client("GET", "/auth/me").data["email"])


def set_marketing(customer: Client, wanted: bool) -> None:
    """Set the consent, and wait until the notifications service has it."""
    saved = customer("PUT", "/users/me/preferences", {"marketing": wanted})
    assert (saved.status, saved.data["marketing"]) == (200, wanted)
    user_id = customer("GET", "/auth/me").data["id"]
    with MongoClient[dict[str, Any]](os.environ["ULTRAMARKET_MONGO_URL"]) as mongo:
        people = mongo["ultramarket_notifications"]["people"]
        assert eventually(lambda: (people.find_one({"_id": user_id}) or {}).get("marketing") is wanted)


def deliver_an_order(shop: Shop, customer: Client) -> str:
    """An order of the customer that has been delivered; returns its number once the mail about it has arrived."""
    sku = shop.product(stock=1)
    assert eventually(lambda: customer.add(sku).status == 201)
    order = customer.order().data
    for status in ("processing", "shipped", "delivered"):
        assert shop.admin("PATCH", f"/orders/{order['id']}/status", {"status": status}).status == 200
    wait_for_mail(email_of(customer), f"{order['number']} has arrived")
    return str(order["number"])


def test_preferences_are_kept_and_versioned(customer: Client) -> None:
    initial = customer("GET", "/users/me/preferences")
    chosen = {"language": "de", "currency": "EUR", "time_zone": "Europe/Berlin", "marketing": True}

    saved = customer("PUT", "/users/me/preferences", chosen, headers={"If-Match": initial.headers["ETag"]})
    stale = customer("PUT", "/users/me/preferences", {}, headers={"If-Match": initial.headers["ETag"]})
    read = customer("GET", "/users/me/preferences")
    refused = customer("PUT", "/users/me/preferences", {"time_zone": "Europe/Atlantis"})

    assert values(initial.data) == NONE
    assert values(saved.data) == values(read.data) == chosen
    assert (stale.status, stale.code) == (412, "PRECONDITION_FAILED")
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "time_zone")
    assert customer("GET", "/users/me").data["language"] == "de"


def test_preferences_need_a_sign_in(shop: Shop) -> None:
    guest = shop.guest()

    assert [guest(method, "/users/me/preferences", body).status for method, body in (("GET", None), ("PUT", {}))] == [
        401,
        401,
    ]


def test_advertising_is_mailed_while_it_is_wanted_only(shop: Shop, customer: Client) -> None:
    email = email_of(customer)
    first = deliver_an_order(shop, customer)
    set_marketing(customer, True)
    second = deliver_an_order(shop, customer)
    invitation = wait_for_mail(email, f"{INVITATION} your order {second}")
    set_marketing(customer, False)
    third = deliver_an_order(shop, customer)
    set_marketing(customer, True)
    fourth = deliver_an_order(shop, customer)
    wait_for_mail(email, f"{INVITATION} your order {fourth}")  # later than one about the third order would be

    subjects = [str(mail["Subject"]) for mail in mails_to(email) if INVITATION in str(mail["Subject"])]
    assert [number for number in (first, second, third, fourth) if any(number in text for text in subjects)] == [
        second,
        fourth,
    ]
    assert "agreed to advertising" in text_of(invitation)
    assert invitation["List-Unsubscribe"]


def values(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in NONE}
