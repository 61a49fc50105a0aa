"""Preferences of customers: codes that exist, and no advertising unless asked for."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.users import PreferencesRequest


def test_preferences_default_to_no_marketing() -> None:
    assert PreferencesRequest().model_dump() == {
        "language": None,
        "currency": None,
        "time_zone": None,
        "marketing": False,
    }


@pytest.mark.parametrize(
    "values",
    [{"time_zone": "Europe/Atlantis"}, {"currency": "XYZ"}, {"language": "English"}, {"marketing": "yes"}],
    ids=str,
)
def test_unknown_codes_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PreferencesRequest.model_validate(values)
