"""Messages of validation errors name the rule in plain words, without pydantic's wording."""

from datetime import date
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import core_schema

from services.chassis.common.validation_messages import COUNTS, MESSAGES, validation_message


class Line(BaseModel, extra="forbid"):
    sku: str


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Line, {}, "is missing"),
        (Line, {"sku": "MUG", "price": 1}, "is not a known field"),
        (Line, 3, "must be an object"),
        (str, 3, "must be a string"),
        (int, "three", "must be an integer"),
        (int, 1.5, "must be an integer"),
        (bool, "perhaps", "must be true or false"),
        (list[int], {}, "must be a list"),
        (AwareDatetime, "yesterday", "must be a time such as 2026-01-31T12:00:00Z"),
        (date, "yesterday", "must be a date such as 2026-01-31"),
        (Literal["draft", "active"], "sold", "must be 'draft' or 'active'"),
        (Annotated[int, Field(ge=1)], 0, "must be at least 1"),
        (Annotated[int, Field(le=100)], 101, "must be at most 100"),
        (Annotated[str, Field(min_length=1)], "", "must have at least 1 character"),
        (Annotated[str, Field(max_length=2)], "MUG", "must have at most 2 characters"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "must have at most 1 item"),
        (Annotated[str, Field(pattern="^[A-Z]{2}$")], "us", "must match ^[A-Z]{2}$"),
    ],
)
def test_error_has_a_plain_message(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as invalid:
        TypeAdapter(kind).validate_python(value)

    assert [validation_message(error) for error in invalid.value.errors()] == [message]


def test_message_of_an_own_rule_is_kept() -> None:
    error = {"type": "value_error", "msg": "Value error, must be one line", "ctx": {"error": ValueError()}}

    assert validation_message(error) == "must be one line"


def test_messages_are_for_existing_types_of_errors() -> None:
    assert {*MESSAGES, *COUNTS} <= set(get_args(core_schema.ErrorType))
