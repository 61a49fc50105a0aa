"""Settings of the cart service."""

from datetime import timedelta

from pydantic import Field

from services.chassis.runtime.settings import Settings


class CartSettings(Settings):
    """Settings of carts; the prefix is `ULTRAMARKET_`."""

    guest_cart_days: int = Field(30, ge=1, le=365, description="how long a guest's cart is kept after its last use")
    customer_cart_days: int = Field(
        365, ge=1, le=3650, description="how long a customer's cart is kept after its last change"
    )
    cart_currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="of a cart that has nothing in it yet")

    @property
    def guest_cart(self) -> timedelta:
        return timedelta(days=self.guest_cart_days)

    @property
    def customer_cart(self) -> timedelta:
        return timedelta(days=self.customer_cart_days)
