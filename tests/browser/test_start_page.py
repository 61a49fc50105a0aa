"""The page at `/`."""

import pytest

from tests.support.browser import WIDTHS, Pages, fits, picture


@pytest.mark.parametrize("width", WIDTHS)
def test_start_page_links_the_documentation(pages: Pages, url: str, width: int) -> None:
    page = pages.open(width)

    page.goto(f"{url}/")

    assert fits(page)
    assert page.get_by_role("heading", level=1).inner_text() == "UltraMarket"
    assert page.evaluate("document.fonts.load('16px Inter').then((fonts) => fonts.length)") == 1
    picture(page, f"start-{width}", until="main")
    page.get_by_role("link", name="Documentation").click()
    assert page.get_by_role("heading", level=1).inner_text() == "API documentation"
