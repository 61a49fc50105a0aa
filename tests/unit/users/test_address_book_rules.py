"""How much an address book holds, and what an address is."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.users import AddressRequest, ProfileRequest
from services.chassis.common.errors import InvalidState
from services.users.domain import MAX_ADDRESSES, check_address_limit

HOME = {"name": "Ada", "line1": "1 Main St", "city": "Springfield", "postal_code": "12345", "country": "US"}


def test_a_book_has_room_for_fifty() -> None:
    check_address_limit(MAX_ADDRESSES - 1)
    with pytest.raises(InvalidState) as refused:
        check_address_limit(MAX_ADDRESSES)
    assert refused.value.message == "An address book holds 50 addresses"


@pytest.mark.parametrize(
    "wrong", [{"country": "usa"}, {"city": ""}, {"line1": "a\nb"}, {"name": "x" * 201}, {"label": "\x00"}, {"pin": "1"}]
)
def test_what_is_no_address_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        AddressRequest.model_validate(HOME | wrong)
    assert [error["loc"] for error in refused.value.errors()] == [tuple(wrong)]


@pytest.mark.parametrize("wrong", [{"phone": "call me"}, {"language": "English"}, {"first_name": ""}, {"email": "x"}])
def test_what_is_no_profile_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProfileRequest.model_validate({"first_name": "Ada", "last_name": "Byron"} | wrong)
