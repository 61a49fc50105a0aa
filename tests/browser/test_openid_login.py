"""A login at a real OpenID provider, from the front's button to `GET /auth/me`."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import FloatRect, Page

from tests.support import front, openid_provider
from tests.support.browser import Pages, picture_of_steps
from tests.support.shop import new_key

PROVIDER_HOST = "127.77.255.2"
"""As in `.ci/test`, which tells the instance of the provider."""
WINDOW: FloatRect = {"x": 0, "y": 0, "width": 480, "height": 460}


@pytest.fixture(scope="module")
def provider(url: str) -> Iterator[openid_provider.OpenIdServer]:
    with openid_provider.running(PROVIDER_HOST, f"{url}/api/v1/auth/oauth/local/callback") as server:
        yield server


@pytest.fixture(scope="module")
def front_origin() -> Iterator[str]:
    with front.serving() as origin:
        yield origin


@pytest.fixture
def sign_in_page(pages: Pages, front_origin: str, provider: openid_provider.OpenIdServer, url: str) -> Page:
    """The provider's page, as the front's button leads to it."""
    page = pages.open(480)
    page.goto(f"{front_origin}/?api={url}")
    page.get_by_role("button", name="Sign in with Local provider").click()
    page.get_by_role("heading", name="Sign-in").wait_for()
    assert page.url.startswith(provider.issuer)
    return page


def test_login_at_the_provider_gives_a_verified_account(pages: Pages, sign_in_page: Page, front_origin: str) -> None:
    page, email = sign_in_page, f"grace.{new_key()[:6]}@example.com"
    page.get_by_placeholder("Enter any login").fill(email)
    page.get_by_placeholder("and password").fill("any password")
    steps = [("Sign in at the provider", page.screenshot(clip=WINDOW))]
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("heading", name="Authorize").wait_for()
    steps.append(("Consent", page.screenshot(clip=WINDOW)))

    page.get_by_role("button", name="Continue").click()

    page.get_by_text("Signed in", exact=True).wait_for()
    assert page.url == f"{front_origin}/signed-in"
    assert page.locator("dd").all_inner_texts() == ["Grace Hopper", email, "yes"]
    steps.append(("The front has exchanged the code", page.screenshot(clip=WINDOW)))
    pages.forget_requests("https://fonts.googleapis.com/")
    picture_of_steps(pages.open(), "oidc-login", steps)


def test_refusal_at_the_provider_returns_to_the_front(pages: Pages, sign_in_page: Page) -> None:
    sign_in_page.get_by_role("link", name="Cancel").click()

    sign_in_page.get_by_text("Not signed in: UNAUTHENTICATED").wait_for()
    assert sign_in_page.locator("#account").is_hidden()
    pages.forget_requests("https://fonts.googleapis.com/")
