"""Settings of the analytics service and consumer."""

from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from services.chassis.runtime.settings import Settings


class AnalyticsSettings(Settings):
    time_zone: str = Field(
        "UTC",
        description="time zone of days and months; a change takes effect with `ultramarket analytics rebuild`",
    )
    report_currency: str = Field("USD", pattern="^[A-Z]{3}$", description="default currency of figures")
    analytics_group: str = Field(
        "analytics", pattern=r"^[a-z0-9-]{1,60}$", description="Kafka consumer group of the analytics consumer"
    )
    analytics_batch: int = Field(1000, ge=1, le=20_000, description="maximum number of records per transaction")

    tracking_retention: timedelta = Field(
        timedelta(days=90), ge=timedelta(days=1), description="how long a tracked session is kept after its last event"
    )

    @field_validator("time_zone")
    @classmethod
    def _existing_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is not a time zone such as Europe/Berlin") from error
        return name
