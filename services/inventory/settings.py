"""Settings of the inventory service."""

from datetime import timedelta

from pydantic import Field

from services.chassis.runtime.settings import Settings


class InventorySettings(Settings):
    """Prefix `ULTRAMARKET_`, as everywhere."""

    stock_hold_seconds: float = Field(900, gt=0, le=86_400, description="how long stock is held for an unpaid order")
    low_stock_threshold: int = Field(5, ge=0, le=1_000_000, description="of a SKU that has none of its own")
    reservation_days: int = Field(
        90,
        ge=30,
        le=3_650,
        description="how long an ended reservation is kept; after that nothing of it can be returned",
    )

    @property
    def reservation_retention(self) -> timedelta:
        return timedelta(days=self.reservation_days)

    @property
    def hold(self) -> timedelta:
        return timedelta(seconds=self.stock_hold_seconds)
