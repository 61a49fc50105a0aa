"""Settings of the webhooks service."""

from typing import Annotated

from pydantic import Field

from services.chassis.runtime.settings import Settings


class WebhookSettings(Settings):
    webhook_retry_seconds: tuple[Annotated[float, Field(ge=0.01, le=86_400)], ...] = Field(
        (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600),
        min_length=1,
        description="delays before a failed webhook is delivered again; the last one repeats, for three days in all",
    )
    webhook_timeout: float = Field(10.0, gt=0, le=30, description="time limit of a webhook's receiver in seconds")
    webhook_deliveries: int = Field(64, ge=1, le=1_000, description="webhooks that one process delivers concurrently")
