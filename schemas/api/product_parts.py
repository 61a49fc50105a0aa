"""Parts of a product: requests for one variant, the options, one image."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.api.products import LEFT_OUT
from schemas.api.variants import Barcode, Option, OptionName, OptionValue, Weight
from schemas.base import Id, Line, Price, Request

MAX_IMAGES = 50


class VariantPatch(Request):
    """Change the given fields of a variant. Its SKU stays: stock and orders name it."""

    title: Line | None = None
    options: dict[OptionName, OptionValue] = LEFT_OUT
    price: Price = LEFT_OUT
    compare_at_price: Price | None = None
    weight_g: Weight = LEFT_OUT
    barcode: Barcode | None = None

    @model_validator(mode="after")
    def _names_a_field(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class OptionsWrite(Request):
    """Replace the options. Variants lose the choice of a removed one and take the first value of a new one."""

    options: Annotated[list[Option], Field(max_length=5)]


class ImageWrite(Request):
    """Add a stored picture to the product's images."""

    file_id: Id = Field(description="A public picture of the caller, uploaded with the purpose `product`")
    alt: Line | None = Field(None, description="Text for those who don't see the picture")
    position: Annotated[int, Field(ge=0, le=MAX_IMAGES)] | None = Field(None, description="0 is first. Default: last")
