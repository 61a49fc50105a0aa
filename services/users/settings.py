"""Settings of the users service."""

from datetime import timedelta

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


class UserSettings(Settings):
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")
    export_lifetime: timedelta = Field(
        timedelta(days=7), ge=timedelta(minutes=1), description="how long an export of personal data can be downloaded"
    )
    erasure_second_round: timedelta = Field(
        timedelta(minutes=1),
        description="when an erasure looks for data that were written during its first round",
    )

    @property
    def link_key(self) -> bytes:
        """The key of the links to exports."""
        return self.secret_key.get_secret_value().encode()
