"""RPC signatures as contracts: arguments are parsed to typed values or refused by field."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from schemas.base import Quantity, Sku
from schemas.caller import Caller
from services.chassis.common.errors import ValidationFailed
from services.chassis.messaging.signatures import Signature, jsonable, refused


class Line(BaseModel):
    sku: Sku
    quantity: Quantity


class Reserve(BaseModel):
    order_id: str
    lines: list[Line]

    @field_validator("order_id")
    @classmethod
    def _check_owner(cls, value: str) -> str:
        if value == "nobody's":
            raise ValueError("must be somebody's")
        return value


class Service:
    def reserve(self, command: Reserve) -> None:
        """One model parameter: the keyword arguments are its fields."""

    def adjust(self, sku: Sku, delta: int, reason: str = "count", caller: Caller | None = None) -> None:
        """Several parameters: each is parsed by its annotation."""

    def ping(self) -> None: ...

    def untyped(self, anything, other=None):  # type: ignore[no-untyped-def]
        ...


reserve, adjust = Signature(Service.reserve), Signature(Service.adjust)
LINES = [{"sku": "MUG", "quantity": 2}]


def fields(contract: Signature, *args: Any, **kwargs: Any) -> list[str]:
    with pytest.raises(ValidationFailed) as error:
        contract.arguments(list(args), kwargs)
    return [detail["field"] for detail in error.value.details]


def test_keywords_are_the_fields_of_a_single_model() -> None:
    [command] = reserve.arguments([], {"order_id": "o", "lines": LINES})

    assert command == Reserve(order_id="o", lines=[Line(sku="MUG", quantity=2)])


def test_model_is_accepted_as_a_single_argument() -> None:
    assert reserve.arguments([{"order_id": "o", "lines": LINES}], {}) == reserve.arguments(
        [], {"order_id": "o", "lines": LINES}
    )


def test_parameters_are_parsed_by_annotation_with_defaults() -> None:
    assert adjust.arguments(["MUG"], {"delta": 3, "caller": {"user_id": "u"}}) == [
        "MUG",
        3,
        "count",
        Caller(user_id="u"),
    ]


def test_method_without_annotations_accepts_anything() -> None:
    assert Signature(Service.untyped).arguments([{"a": 1}], {}) == [{"a": 1}, None]
    assert Signature(Service.ping).arguments([], {}) == []


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [
        ({}, ["order_id", "lines"]),
        ({"order_id": "o", "lines": "all"}, ["lines"]),
        ({"order_id": "o", "lines": [{"sku": "MUG", "quantity": 0}]}, ["lines.0.quantity"]),
        ({"order_id": "o", "lines": [*LINES, {"sku": "", "quantity": 10**9}]}, ["lines.1.sku", "lines.1.quantity"]),
        ({"order_id": "nobody's", "lines": []}, ["order_id"]),
        ({"order_id": None, "lines": []}, ["order_id"]),
    ],
)
def test_invalid_field_is_named_by_its_path(kwargs: dict[str, Any], named: list[str]) -> None:
    assert fields(reserve, **kwargs) == named


def test_unknown_and_missing_keywords_are_named() -> None:
    assert fields(adjust, sku="MUG", delta=1, colour="red") == ["colour"]
    assert fields(adjust, sku="MUG") == ["delta"]


def test_extra_or_non_object_arguments_are_refused() -> None:
    with pytest.raises(ValidationFailed, match="takes at most 1 arguments"):
        reserve.arguments([{}, {}], {})
    assert fields(reserve, 3) == ["order_id", "lines"]


def test_validation_error_does_not_repeat_the_input() -> None:
    with pytest.raises(ValidationFailed) as error:
        reserve.arguments([], {"order_id": "nobody's", "lines": [{"sku": "4242 4242 4242 4242", "quantity": 1}]})

    assert error.value.message == "order_id: must be somebody's"
    assert "4242" not in str(error.value.details)


def test_error_of_the_whole_value_names_the_body() -> None:
    class Empty(BaseModel):
        pass

    with pytest.raises(ValueError) as error:  # noqa: PT011
        Empty.model_validate(3)

    assert refused(error.value).details[0]["field"] == "body"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "plain"),
    [
        (Line(sku="MUG", quantity=1), {"sku": "MUG", "quantity": 1}),
        ([Line(sku="MUG", quantity=1)], [{"sku": "MUG", "quantity": 1}]),
        ({"a": 1}, {"a": 1}),
        ([], []),
        (None, None),
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31T00:00:00Z"),
        (("a", 1), ["a", 1]),
    ],
)
def test_reply_is_converted_to_plain_json(reply: object, plain: object) -> None:
    assert jsonable(reply) == plain
