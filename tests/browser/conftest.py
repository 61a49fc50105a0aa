"""Pages in Chromium, on the instance that the environment names (`make browser`)."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support import browser as support
from tests.support.browser import Pages
from tests.support.shop import Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a module: playwright's event loop would be in the way of other tests of the process."""
    path = support.executable()
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with support.chromium(path) as browser:
        yield browser


@pytest.fixture
def pages(chromium: Browser) -> Iterator[Pages]:
    """Opens pages; the test fails when anything went wrong in one."""
    opened = Pages(chromium)
    yield opened
    opened.close()
    assert opened.problems == []


@pytest.fixture(scope="session")
def url() -> str:
    return os.environ["ULTRAMARKET_URL"]
