"""Times in requests are written out with their offset."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.api.audit import AuditFilter
from schemas.base import GivenMoment

ADAPTER: TypeAdapter[datetime] = TypeAdapter(GivenMoment)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31 12:00:00Z"])
def test_written_time_is_taken(text: str) -> None:
    assert ADAPTER.validate_python(text) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [6836, 6836.5, "6836", "-1", "1769860800000", "2026-01-31", "2026-01-31T12:00:00"])
def test_number_and_time_without_offset_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(value)


def test_filter_of_audit_takes_no_number() -> None:
    with pytest.raises(ValidationError):
        AuditFilter.model_validate({"from": "6836"})
