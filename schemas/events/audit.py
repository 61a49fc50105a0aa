"""What every service tells the audit trail. Published on `audit.events` by whoever did it; it stays in the house."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.events.base import Event

Action = Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$")]
"""What was done: `product.update`, `session.refuse`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Actor(_Part):
    """Who did it."""

    kind: Literal["user", "guest", "system"] = "user"
    id: str | None = None
    email: str | None = None
    roles: list[str] = Field(default_factory=list)
    api_key: str | None = None
    ip: str | None = None
    user_agent: str | None = None


class Resource(_Part):
    """What it was done to."""

    type: str
    id: str


class Change(_Part):
    """One field that differs."""

    field: str
    before: Any = None
    after: Any = None


class ActionRecorded(Event, source="audit", subject="resource_id"):
    """Somebody did something that the shop must be able to look up later."""

    action: Action
    actor: Actor
    resource: Resource
    changes: list[Change] = Field(default_factory=list)
    request_id: str | None = None

    @property
    def resource_id(self) -> str:
        return self.resource.id
