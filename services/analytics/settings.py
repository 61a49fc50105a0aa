"""What analytics is told at start."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from services.chassis.runtime.settings import Settings


class AnalyticsSettings(Settings):
    time_zone: str = Field(
        "UTC",
        description="whose days are counted; a change takes effect with `ultramarket analytics rebuild`",
    )
    report_currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="currency of the figures when a request names none"
    )
    analytics_group: str = Field(
        "analytics", pattern=r"^[a-z0-9-]{1,60}$", description="Kafka consumer group that counts the events"
    )
    analytics_batch: int = Field(
        1000, ge=1, le=20_000, description="records that are counted in one transaction, at most"
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise ValueError("is not a time zone such as Europe/Berlin") from unknown
        return name
