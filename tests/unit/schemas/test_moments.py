"""Times in requests are written out with their offset."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.api.analytics import PeriodQuery
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


def test_time_of_any_offset_is_utc() -> None:
    moment = ADAPTER.validate_python("4170-12-25T18:57:40+16:57")

    assert moment.isoformat() == "4170-12-25T02:00:40+00:00"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
def test_time_that_utc_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(text)


def test_period_that_utc_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError):
        PeriodQuery.model_validate({"from": "0001-01-01T00:00:00+10:00"})


def test_filter_of_audit_takes_no_number() -> None:
    with pytest.raises(ValidationError):
        AuditFilter.model_validate({"from": "6836"})
