"""Chromium for tests of pages: the system's browser, driven by playwright."""

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
OPTIONS: Final = (
    "--no-sandbox",  # Chromium refuses to run as root with it
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS: Final = 60_000
WIDTHS: Final = (390, 1280)
PICTURES: Final = Path(__file__).parents[2] / "docs" / "img"


def executable() -> str | None:
    """The path of Chromium, if it is installed."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


class Pages:
    """Opens pages of browser contexts, and collects what goes wrong in them.

    `problems` has errors of scripts and of the console, among them violations of the pages' policies, and requests to
    other machines, which are not sent.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def open(self, width: int = 1280, dark: bool = False, user_agent: str | None = None) -> Page:
        """A page in a context of its own: without cookies and storage of others."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            user_agent=user_agent,
            reduced_motion="reduce",
            locale="en-US",
        )
        context.set_default_timeout(PATIENCE_MS)
        context.route(is_elsewhere, self._refuse)
        context.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        self._contexts.append(context)
        return context.new_page()

    def forget_refusals(self, *statuses: int) -> None:
        """Drop the console's lines about replies of these statuses: the test has caused them."""
        expected = tuple(f"the server responded with a status of {status} " for status in statuses)
        self.problems = [text for text in self.problems if not any(each in text for each in expected)]

    def forget_requests(self, url: str) -> None:
        """Drop refused requests to URLs that begin so: a page that isn't ours made them."""
        refused = (f"a request to another machine: {url}", "Failed to load resource: net::ERR_FAILED")
        self.problems = [text for text in self.problems if not text.startswith(refused)]

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _refuse(self, route: Route) -> None:
        self.problems.append(f"a request to another machine: {route.request.url}")
        route.abort()


def is_elsewhere(url: str) -> bool:
    """Whether a URL leads to another machine."""
    return urlsplit(url).scheme not in ("data", "blob") and not (urlsplit(url).hostname or "").startswith("127.")


def fits(page: Page) -> bool:
    """Whether the page is not wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def picture(page: Page, name: str, until: str | None = None) -> None:
    """With `PICTURES=1`, store a picture of the page for the documentation: the window, or down to an element."""
    if not os.environ.get("PICTURES"):
        return
    if page.viewport_size is None:
        raise ValueError("the page has no size")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.evaluate("document.fonts.ready.then(() => true)")
    path = PICTURES / f"{name}.png"
    if until is None:
        page.screenshot(path=path)
        return
    bottom = page.evaluate("(css) => document.querySelector(css).getBoundingClientRect().bottom + scrollY", until)
    clip = {"x": 0.0, "y": 0.0, "width": float(page.viewport_size["width"]), "height": float(bottom) + 24}
    page.screenshot(path=path, full_page=True, clip=clip)


def picture_of_steps(page: Page, name: str, steps: list[tuple[str, bytes]]) -> None:
    """With `PICTURES=1`, store one picture of several, side by side, each with a caption."""
    figures = "".join(
        f'<figure><img src="data:image/png;base64,{base64.b64encode(image).decode()}">'
        f"<figcaption>{number}. {caption}</figcaption></figure>"
        for number, (caption, image) in enumerate(steps, 1)
    )
    page.set_content(
        "<!doctype html><style>body { margin: 0; padding: 32px; display: flex; gap: 32px; align-items: center; "
        "background: #e9ebf3; font: 15px sans-serif; } figure { margin: 0; flex: 1 } img { width: 100%; "
        "border-radius: 10px; box-shadow: 0 6px 20px rgba(22, 24, 44, .12) } "
        f"figcaption {{ margin-top: 12px; text-align: center; color: #3c4058 }}</style>{figures}"
    )
    picture(page, name, until="body")
