"""What can be set of carts."""

from datetime import timedelta

from pydantic import Field

from services.chassis.runtime.settings import Settings


class CartSettings(Settings):
    """Prefix `ULTRAMARKET_`, as everywhere."""

    guest_cart_days: int = Field(30, ge=1, le=365, description="how long a guest's cart is kept after its last use")
    cart_currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="of a cart that has nothing in it yet")

    @property
    def guest_cart(self) -> timedelta:
        return timedelta(days=self.guest_cart_days)
