"""Mail addresses: two people never share one, and no spelling is another person's."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.base import Email
from services.auth.domain import normalised

EMAIL = TypeAdapter(Email)


@pytest.mark.parametrize(
    "local", ["straße", "İlk", "ılk", "ﬁn", "аda", "a\u200bda", "ada\u202e", "ada\r\nBcc: x", "a\0da"]
)
def test_local_part_beyond_ascii_is_refused(local: str) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(f"{local}@example.com")


@pytest.mark.parametrize("domain", ["example.com\r\nBcc: x@y.example", "exa mple.com", "example.com>", "[127.0.0.1]"])
def test_address_that_could_end_a_header_is_refused(domain: str) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(f"ada@{domain}")


def test_spellings_of_one_address_are_one_account() -> None:
    spellings = ("ada@example.com", "ADA@Example.COM", " ada@example.com ")

    assert {normalised(str(EMAIL.validate_python(spelling))) for spelling in spellings} == {"ada@example.com"}


def test_look_alike_domain_is_another_account() -> None:
    latin, cyrillic = "ada@example.com", "ada@еxample.com"

    assert normalised(str(EMAIL.validate_python(cyrillic))) != normalised(str(EMAIL.validate_python(latin)))
