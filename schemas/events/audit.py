"""Audit events, published on `audit.events` by the service of the change. They are not forwarded to Kafka."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.events.base import Event

Action = Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$")]
"""The action, such as `product.update` or `session.refuse`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Actor(_Part):
    """The actor of an action."""

    kind: Literal["user", "guest", "system"] = "user"
    id: str | None = None
    email: str | None = None
    roles: list[str] = Field(default_factory=list)
    api_key: str | None = None
    ip: str | None = None
    user_agent: str | None = None


class Resource(_Part):
    """The affected resource."""

    type: str
    id: str


class Change(_Part):
    """A changed field."""

    field: str
    before: Any = None
    after: Any = None


class ActionRecorded(Event, source="audit", subject="resource_id"):
    """An audited action."""

    action: Action
    actor: Actor
    resource: Resource
    changes: list[Change] = Field(default_factory=list)
    request_id: str | None = None

    @property
    def resource_id(self) -> str:
        return self.resource.id
