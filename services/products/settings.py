"""What can be set of the catalogue."""

from pydantic import Field

from services.chassis.runtime.settings import Settings


class ProductSettings(Settings):
    """Prefix `ULTRAMARKET_`, as everywhere."""

    list_total_seconds: float = Field(1.0, ge=0, le=60, description="how old the total of a list may be")
    tax_rates_seconds: float = Field(30.0, ge=0, le=3600, description="how old the tax rates in memory may be")
