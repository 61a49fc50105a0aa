"""Tax classes and rates by country and region: requests and resources."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Country, Line, Request, Schema
from schemas.codes import GivenCountry

TaxClass = Literal["standard", "reduced", "zero"]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,3}$")]
"""The part of an ISO 3166-2 code after the country: `CA` of `US-CA`."""


class TaxRateWrite(Request):
    """Set the tax rate of a tax class in a country or one of its regions."""

    country: GivenCountry
    region: Region | None = None
    tax_class: TaxClass = "standard"
    rate_bp: BasisPoints = Field(description="Basis points: 1900 is 19 %")
    name: Line = Field(description="Printed name: VAT, MwSt., Sales tax")


TaxRateId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}:([A-Z0-9]{1,3}|\*):[a-z]{1,20}$")]


class TaxRateQuery(Schema):
    """Filter of the tax rates."""

    country: Country | None = None


class TaxRate(Schema):
    """A tax rate in force."""

    id: TaxRateId
    country: Country
    region: Region | None = None
    tax_class: TaxClass
    rate_bp: BasisPoints
    name: str
    version: int
    """Incremented by each change; for `If-Match`."""
