"""The page `/docs`, as a person uses it."""

import json
import re
from typing import Any

from playwright.sync_api import Page

STORED = "ultramarket.docs.session"


class DocsPage:
    """The page, open in a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(f"{url}/docs")
        self.wait_until_loaded()

    def wait_until_loaded(self) -> None:
        self.page.locator(".opblock-tag").first.wait_for()

    def sign_in(self, email: str, password: str) -> None:
        """Fill in the form for mail address and password, and send it."""
        self.page.get_by_label("Mail address").fill(email)
        self.page.locator("input[name=password]").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def give_code(self, code: str) -> None:
        """Fill in the code of the second factor, and send it."""
        self.page.get_by_label("Code of your second factor").fill(code)
        self.page.get_by_role("button", name="Confirm").click()

    def use_key(self, key: str) -> None:
        self.page.get_by_role("tab", name="API key").click()
        self.page.locator("input[name=key]").fill(key)
        self.page.get_by_role("button", name="Use this key").click()

    def identity(self) -> str:
        """Name of the person or key that is signed in; waits for the sign-in."""
        identity = self.page.locator("#identity")
        identity.wait_for()
        return identity.inner_text()

    def stored_session(self) -> dict[str, Any] | None:
        return json.loads(self.page.evaluate("(name) => sessionStorage.getItem(name)", STORED) or "null")

    def find(self, words: str, operation: str) -> None:
        """Filter the reference, and open an operation."""
        self.page.get_by_label("Filter the reference").fill(words)
        self.page.locator(f"[id$='-{operation}'] .opblock-summary-control").click()

    def first_steps(self, operation: str) -> None:
        """Choose one of the five calls of the introduction."""
        self.page.locator(f"[data-operation={operation}]").click()

    def execute(self, operation: str) -> tuple[int, Any]:
        """Execute the operation, which is open; returns status and body of the reply."""
        block = self.page.locator(f"[id$='-{operation}']")
        path = re.sub(
            r"\\{\w+\\}", "[^/]+", re.escape(block.locator(".opblock-summary-path").get_attribute("data-path"))
        )
        with self.page.expect_response(re.compile(rf"{path}(\?.*)?$")) as replied:
            block.get_by_role("button", name="Execute").click()
        status = block.locator(".live-responses-table .response-col_status")
        status.get_by_text(str(replied.value.status)).first.wait_for()
        return replied.value.status, replied.value.json()
