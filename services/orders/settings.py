"""Settings of the orders service."""

from pydantic import Field

from services.chassis.runtime.settings import Settings


class OrderSettings(Settings):
    secret_key: str = Field(min_length=16, description="key from which guests' order keys are derived")
    payment_providers: str = Field("sandbox", description="as the payments service has it: others are refused at once")
    answer_within: float = Field(5.0, gt=0, le=30, description="seconds after which an open order is answered with 202")
    capture_at_once: bool = Field(
        True, description="whether a charge is authorised and captured in one call to the provider, or in two"
    )
    number_prefix: str = Field("UM", pattern=r"^[A-Z0-9]{1,8}$", description="what order numbers begin with")
    unpaid_orders_per_customer: int = Field(
        20, ge=1, le=1_000_000, description="orders of a customer that may wait for their payment; each holds stock"
    )
    unpaid_orders_per_address: int = Field(
        1_000, ge=1, le=1_000_000, description="orders from one network address that may wait for their payment"
    )
