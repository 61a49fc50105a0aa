"""Addresses that a provider has verified: a foreign spelling never becomes another person's account."""

import pytest

from services.auth.identities import _email
from services.auth.providers import PersonAtProvider


def person(email: str | None, verified: bool = True) -> PersonAtProvider:
    return PersonAtProvider(
        issuer="https://provider.example",
        subject="1",
        email=email,
        email_verified=verified,
        first_name="Kate",
        last_name="Bush",
    )


@pytest.mark.parametrize(
    "email",
    [
        "\N{KELVIN SIGN}ate@example.com",  # lower() makes a `k` of it
        "kate.bu\N{LATIN SMALL LETTER LONG S}h@example.com",  # casefold() makes an `s` of it
        "k\N{CYRILLIC SMALL LETTER A}te@example.com",
        "ｋate@example.com",
        "kate\u200b@example.com",
        '"kate"@example.com',
        "kate(admin)@example.com",
        "<kate@example.com>",
        "kate@example.com, eve@evil.example",
        "kate@example.com\r\nBcc: eve@evil.example",
        "kate@example.com\x00@evil.example",
        "kate@[127.0.0.1]",
        "kate",
        "",
    ],
    ids=ascii,
)
def test_address_in_a_foreign_spelling_links_nothing(email: str) -> None:
    assert _email(person(email)) is None


@pytest.mark.parametrize("email", ["kate@example.com", "KATE@EXAMPLE.COM", "kate@ｅxample.com", "kate@example。com"])
def test_spelling_of_the_same_mailbox_is_one_address(email: str) -> None:
    assert _email(person(email)) == "kate@example.com"


def test_unverified_address_links_nothing() -> None:
    assert _email(person("kate@example.com", verified=False)) is None
    assert _email(person(None)) is None
