"""An invalid value of a union type is one error, located at the field itself."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.api.config import FlagWrite, SettingWrite
from schemas.api.products import ProductWrite

PRODUCT = {"title": "Mug", "status": "draft", "variants": [{"sku": "MUG", "price": {"amount": 1, "currency": "USD"}}]}


@pytest.mark.parametrize(
    ("model", "body", "path"),
    [
        (SettingWrite, {"value": None, "version": 0, "reason": "for a try"}, ("value",)),
        (FlagWrite, {"enabled": True, "default": {"a": 1}}, ("default",)),
        (FlagWrite, {"enabled": True, "default": False, "rules": [{"serve": 1.5}]}, ("rules", 0, "serve")),
        (ProductWrite, PRODUCT | {"attributes": {"size": {"x": 1}}}, ("attributes", "size")),
        (ProductWrite, PRODUCT | {"attributes": {"size": "two\nlines"}}, ("attributes", "size")),
    ],
)
def test_value_of_no_allowed_type_is_one_error(
    model: type[BaseModel], body: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)

    assert [error["loc"] for error in refused.value.errors()] == [path]


@pytest.mark.parametrize("value", [True, 5, 2.5, "red", ["red", "blue"]])
def test_attribute_keeps_its_type(value: Any) -> None:
    assert ProductWrite.model_validate(PRODUCT | {"attributes": {"size": value}}).attributes == {"size": value}
