"""GraphiQL at `/graphql`: queries as a guest and as oneself."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Request

from tests.browser.docs_page import DocsPage
from tests.browser.people import PASSWORD, new_person
from tests.support.browser import WIDTHS, Pages, fits, picture
from tests.support.shop import Shop


def is_query(request: Request) -> bool:
    """Whether it is a query of the editor; GraphiQL itself asks for the schema."""
    return request.method == "POST" and "__schema" not in (request.post_data or "")


def run(page: Page) -> dict[str, Any]:
    """Run the query in the editor; returns the reply."""
    with page.expect_response(lambda response: is_query(response.request)) as replied:
        page.locator(".graphiql-execute-button").click()
    page.locator(".result-window").get_by_text('"data"').wait_for()
    return dict(replied.value.json())


@pytest.mark.parametrize("width", WIDTHS)
def test_first_query_of_a_guest_lists_products(pages: Pages, url: str, width: int) -> None:
    page = pages.open(width)
    page.goto(f"{url}/graphql")
    page.get_by_role("button", name="Show Documentation Explorer").wait_for()

    edges = run(page)["data"]["products"]["edges"]

    assert len(edges) == 5
    assert edges[0]["node"]["name"] in page.locator(".result-window").inner_text()
    assert fits(page)
    picture(page, f"graphiql-{width}")


def test_query_is_sent_as_the_person_of_the_docs_page(pages: Pages, shop: Shop, url: str) -> None:
    person = new_person(shop)
    sku = shop.product(stock=3)
    person.client.add(sku, 2)
    docs = DocsPage(pages.open(), url)
    docs.sign_in(person.email, PASSWORD)
    docs.identity()

    docs.page.get_by_role("link", name="GraphQL").click()
    editor = docs.page.locator(".graphiql-query-editor .CodeMirror")
    editor.wait_for()
    editor.evaluate(
        "(element, query) => element.CodeMirror.setValue(query)", "query Products { cart { items { sku quantity } } }"
    )
    reply = run(docs.page)

    assert reply == {"data": {"cart": {"items": [{"sku": sku, "quantity": 2}]}}}
    stored = json.dumps(docs.page.evaluate("Object.values(localStorage)"))
    assert [text for text in ("Bearer", "eyJ", person.email) if text in stored] == []
