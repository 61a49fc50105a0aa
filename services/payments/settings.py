"""Settings of the payments service."""

from pydantic import Field, ValidationInfo, field_validator

from services.chassis.runtime.settings import Settings

PROVIDERS = ("sandbox", "stripe")


class PaymentSettings(Settings):
    secret_key: str = Field(min_length=16, description="key that signs the sandbox's webhooks")
    payment_providers: str = Field("sandbox", description="providers that orders may be paid with, comma-separated")
    provider_timeout: float = Field(2.0, gt=0, le=30, description="seconds that one call to a provider may take")
    sandbox_fee_basis_points: int = Field(
        0, ge=0, le=10_000, description="the sandbox's fee for a captured charge, in hundredths of a percent"
    )
    sandbox_bank_url: str = Field("", description="database of the sandbox's bank; empty: the service's own server")
    stripe_api_key: str = Field(
        "", validate_default=True, description="Stripe's secret key; needed when `stripe` is among the providers"
    )
    stripe_api_base: str = Field("", description="another address of Stripe's API, such as a mock's")
    stripe_webhook_secret: str = Field(
        "", validate_default=True, description="keys that Stripe signs its webhooks with, comma-separated"
    )

    @field_validator("payment_providers")
    @classmethod
    def _check_providers(cls, value: str) -> str:
        unknown = set(_names(value)) - set(PROVIDERS)
        if unknown or not _names(value):
            raise ValueError(f"must be some of: {', '.join(PROVIDERS)}")
        return value

    @field_validator("stripe_api_key", "stripe_webhook_secret")
    @classmethod
    def _needed_by_stripe(cls, value: str, info: ValidationInfo) -> str:
        """Require the webhook secret: with an empty one anybody could sign webhooks."""
        if not value and "stripe" in _names(info.data.get("payment_providers", "")):
            raise ValueError("is needed because stripe is among ULTRAMARKET_PAYMENT_PROVIDERS")
        return value

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """The secrets of which one must have signed a webhook."""
        return _names(self.stripe_webhook_secret)

    @property
    def enabled_providers(self) -> tuple[str, ...]:
        return _names(self.payment_providers)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
