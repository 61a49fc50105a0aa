"""Settings of the bridge."""

from pydantic import Field, SecretStr

from services.chassis.runtime.registry import BRIDGE
from services.chassis.runtime.settings import Settings


class BridgeSettings(Settings):
    bridge_name: str = Field(BRIDGE, pattern=r"^[a-z0-9-]{1,60}$", description="name of the bridge and its queue")
    topic_partitions: int = Field(6, ge=1, le=1000, description="partitions of a new topic")
    topic_replicas: int = Field(1, ge=1, le=10, description="replicas of a new topic")
    topic_retention_days: int = Field(30, ge=1, description="retention of records in days")
    in_flight: int = Field(2000, ge=1, description="maximum number of unconfirmed events")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")

    @property
    def pseudonym_key(self) -> bytes:
        """The key of the pseudonyms that replace mail addresses."""
        return self.secret_key.get_secret_value().encode()
