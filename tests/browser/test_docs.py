"""The page `/docs`: signing in once, and trying calls out."""

import json
from typing import Any

import pytest

from tests.browser.docs_page import STORED, DocsPage
from tests.browser.people import PASSWORD, new_person
from tests.support.browser import WIDTHS, Pages, fits, picture
from tests.support.shop import Shop

FIRST_ORDER = {"list_products": 200, "add_item": 201, "shipping_rates": 200, "place_order": 201, "get_order": 200}
"""The calls of a first order, and the status that each is replied."""


@pytest.mark.parametrize("width", WIDTHS)
def test_one_sign_in_serves_all_calls_of_the_tab(pages: Pages, shop: Shop, url: str, width: int) -> None:
    person = new_person(shop)
    docs = DocsPage(pages.open(width), url)
    assert fits(docs.page)
    picture(docs.page, f"docs-start-{width}")

    docs.sign_in(person.email, PASSWORD)

    assert docs.identity() == person.email
    docs.find("auth/me", "me")
    status, body = docs.execute("me")
    assert (status, body["data"]["email"]) == (200, person.email)
    assert fits(docs.page)
    docs.find("shipping/rates", "shipping_rates")
    status, body = docs.execute("shipping_rates")
    assert (status, body["data"][0]["method"]) == (200, "standard")
    assert fits(docs.page)
    picture(docs.page, f"docs-{width}", until=".live-responses-table .highlight-code")

    docs.page.reload()
    assert docs.identity() == person.email
    assert docs.page.evaluate("JSON.stringify(localStorage)") == "{}"
    other_tab = docs.page.context.new_page()
    other_tab.goto(url)
    assert other_tab.evaluate("JSON.stringify(sessionStorage)") == "{}"
    docs.page.get_by_role("button", name="Sign out").click()
    docs.page.get_by_label("Mail address").wait_for()
    assert docs.stored_session() is None


def test_first_order_in_five_calls_as_a_guest(pages: Pages, url: str) -> None:
    docs = DocsPage(pages.open(), url)
    replies: dict[str, Any] = {}

    for operation, status in FIRST_ORDER.items():
        docs.first_steps(operation)
        replied = docs.execute(operation)
        assert replied[0] == status, replied
        replies[operation] = replied[1]["data"]

    assert replies["get_order"]["id"] == replies["place_order"]["id"]
    assert replies["get_order"]["status"] == "confirmed"


def test_second_factor_is_asked_for_at_sign_in(pages: Pages, shop: Shop, url: str) -> None:
    person = new_person(shop)
    person.add_second_factor()
    docs = DocsPage(pages.open(390), url)

    docs.sign_in(person.email, "a wrong password")
    alert = docs.page.get_by_role("alert")
    alert.wait_for()
    wrong_password = alert.inner_text()
    docs.sign_in(person.email, PASSWORD)
    docs.give_code("000000")
    alert.wait_for()
    wrong_code = alert.inner_text()
    docs.give_code(person.recovery_codes[0])

    assert docs.identity() == person.email
    assert "password" in wrong_password
    assert "code is wrong, expired or was used before" in wrong_code
    pages.forget_refusals(401, 422)


def test_call_that_needs_a_code_asks_for_it(pages: Pages, shop: Shop, url: str) -> None:
    person = new_person(shop, verified=True)
    person.add_second_factor()
    secret = person.renewed_tokens()["access_token"]
    session = {"scheme": "bearer", "secret": secret, "name": person.email, "ends": None}
    docs = DocsPage(pages.open(), url)
    docs.page.evaluate("([name, value]) => sessionStorage.setItem(name, value)", [STORED, json.dumps(session)])
    docs.page.reload()
    docs.wait_until_loaded()
    docs.find("create api key", "create_api_key")

    refused, _ = docs.execute("create_api_key")
    docs.give_code(person.recovery_codes[0])
    docs.identity()
    status, body = docs.execute("create_api_key")

    assert (refused, status) == (401, 201)
    assert body["data"]["key"].startswith("umk_")
    pages.forget_refusals(401)


def test_api_key_signs_in_and_a_wrong_one_does_not(pages: Pages, shop: Shop, url: str) -> None:
    person = new_person(shop, verified=True)
    key = person.client("POST", "/auth/api-keys", {"name": "Export", "scopes": ["orders.read"]}).data["key"]
    docs = DocsPage(pages.open(), url)

    docs.use_key("umk_never-issued")
    docs.page.get_by_role("alert").wait_for()
    assert docs.stored_session() is None
    docs.use_key(key)

    assert docs.identity() == f"API key {key[:8]}…"
    docs.find("list orders", "list_orders")
    assert docs.execute("list_orders")[0] == 200
    pages.forget_refusals(401)


def test_ended_session_is_refused_in_its_browser(pages: Pages, shop: Shop, url: str) -> None:
    person = new_person(shop)
    here = DocsPage(pages.open(user_agent="Laptop of a test"), url)
    there = DocsPage(pages.open(user_agent="Phone of a test"), url)
    for docs in (here, there):
        docs.sign_in(person.email, PASSWORD)
        docs.identity()
    here.find("auth/sessions", "list_sessions")

    listed = here.execute("list_sessions")[1]["data"]

    devices = {row["user_agent"]: row for row in listed}
    assert [device for device, row in devices.items() if row["current"]] == ["Laptop of a test"]
    phone = devices["Phone of a test"]
    here.find("delete auth/sessions", "end_session")
    here.page.locator("[id$='-end_session']").get_by_placeholder("id").fill(phone["id"])
    assert here.execute("end_session")[0] == 200
    there.find("auth/me", "me")
    there.page.wait_for_timeout(1000)  # the promise: a second
    assert there.execute("me")[0] == 401
    here.find("auth/me", "me")
    assert here.execute("me")[0] == 200
    pages.forget_refusals(401)


def test_reference_is_filtered_by_words_of_operations(pages: Pages, url: str) -> None:
    page = DocsPage(pages.open(dark=True), url).page

    page.get_by_label("Filter the reference").fill("refund payment")

    page.locator(".opblock").first.wait_for()
    assert page.locator(".opblock-summary-path").all_inner_texts() == ["/api/v1/payments/{id}/refunds"]
    page.get_by_label("Filter the reference").fill("")
    page.get_by_text("Categories", exact=True).first.wait_for()
    assert page.locator(".opblock").count() == 0
