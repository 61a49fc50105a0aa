"""Health of the system."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Schema


class Live(Schema):
    """The process answers."""

    status: Literal["live"]
    service: Annotated[str, Field(examples=["gateway"])]


class Health(Schema):
    """Whether a process can do its work, and what is missing if not."""

    status: Literal["ready", "not ready"]
    service: str
    dependencies: Annotated[dict[str, str], Field(examples=[{"rabbitmq": "up", "redis": "down: ConnectionError"}])]
    """State by dependency: `up` or an error."""
