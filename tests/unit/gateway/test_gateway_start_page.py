"""The page at `/`."""

import re

from flask.testing import FlaskClient


def test_browser_gets_a_page_with_links(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "Accept" in page.headers["Vary"]
    links = re.findall(r'href="([^"]+)"', page.get_data(as_text=True))
    assert {"/docs", "/api/v1/openapi.json", "/health/live"} <= set(links)
    assert "<script" not in page.get_data(as_text=True)


def test_every_link_of_the_page_is_served(client: FlaskClient) -> None:
    links = client.get("/", headers={"Accept": "application/json"}).get_json()["data"]["links"]

    assert {path for path in links.values() if client.get(path).status_code == 404} == set()
