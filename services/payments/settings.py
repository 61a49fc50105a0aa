"""What the payments service is told at start."""

from pydantic import Field

from services.chassis.settings import Settings


class PaymentSettings(Settings):
    secret_key: str = Field(min_length=16, description="key that signs the sandbox's webhooks")
    payment_providers: str = Field("sandbox", description="providers that orders may be paid with, comma-separated")
    provider_timeout: float = Field(2.0, gt=0, le=30, description="seconds that one call to a provider may take")
    stripe_api_key: str = Field("", description="Stripe's secret key; needed when `stripe` is among the providers")
    stripe_api_base: str = Field("", description="another address of Stripe's API, such as a mock's")
    stripe_webhook_secret: str = Field("", description="key that Stripe signs its webhooks with")

    @property
    def enabled_providers(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.payment_providers.split(",") if name.strip())
