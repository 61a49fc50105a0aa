"""Rules for address books and profiles: size and validity."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.users import AddressRequest, ProfileRequest
from services.chassis.common.errors import InvalidState
from services.users.domain import MAX_ADDRESSES, check_address_limit

HOME = {"name": "Ada", "line1": "1 Main St", "city": "Springfield", "postal_code": "12345", "country": "US"}


def test_address_book_holds_fifty_addresses() -> None:
    check_address_limit(MAX_ADDRESSES - 1)
    with pytest.raises(InvalidState) as refused:
        check_address_limit(MAX_ADDRESSES)
    assert refused.value.message == "An address book holds 50 addresses"


@pytest.mark.parametrize(
    "invalid",
    [{"country": "usa"}, {"city": ""}, {"line1": "a\nb"}, {"name": "x" * 201}, {"label": "\x00"}, {"pin": "1"}],
)
def test_invalid_address_is_refused(invalid: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        AddressRequest.model_validate(HOME | invalid)
    assert [error["loc"] for error in refused.value.errors()] == [tuple(invalid)]


@pytest.mark.parametrize("invalid", [{"phone": "call me"}, {"language": "English"}, {"first_name": ""}, {"email": "x"}])
def test_invalid_profile_is_refused(invalid: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProfileRequest.model_validate({"first_name": "Ada", "last_name": "Byron"} | invalid)
