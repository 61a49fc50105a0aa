"""Settings of the bridge."""

from pydantic import Field

from services.chassis.runtime.registry import BRIDGE
from services.chassis.runtime.settings import Settings


class BridgeSettings(Settings):
    bridge_name: str = Field(
        BRIDGE, pattern=r"^[a-z0-9-]{1,60}$", description="another name makes a second bridge, with a queue of its own"
    )
    topic_partitions: int = Field(6, ge=1, le=1000, description="partitions of a topic that does not exist yet")
    topic_replicas: int = Field(1, ge=1, le=10, description="copies of a topic that does not exist yet")
    topic_retention_days: int = Field(30, ge=1, description="how long records are kept")
    in_flight: int = Field(2000, ge=1, description="events taken from RabbitMQ that Kafka has not confirmed yet")
