"""How the house is."""

from typing import Literal

from pydantic import Field

from schemas.base import Schema


class Live(Schema):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Dependency(Schema):
    """One thing that a process stands on."""

    name: str
    status: Literal["ok", "down"]
    latency_ms: float | None = None
    message: str | None = None


class Health(Schema):
    """Whether a process can do its work, and what is missing if not."""

    status: Literal["ok", "degraded", "down"]
    service: str
    version: str
    dependencies: list[Dependency] = Field(default_factory=list)
