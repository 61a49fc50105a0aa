"""The audit trail: filters, entries, verification."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.base import Cursor, GivenMoment, Moment, Schema

_Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z_.]+$")]


class AuditFilter(Schema):
    """Filters of entries. Times are RFC 3339 with an offset; `from` is inclusive, `to` exclusive."""

    actor: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """A user's id or mail address."""
    action: _Name | None = None
    """For example `product.update`."""
    resource_type: _Name | None = None
    resource_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    from_: GivenMoment | None = Field(None, alias="from")
    to: GivenMoment | None = None

    @property
    def is_open(self) -> bool:
        """Whether no filter is set."""
        return all(getattr(self, name) is None for name in AuditFilter.model_fields)


class AuditQuery(AuditFilter):
    """A page of entries, the newest first."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class AuditExport(AuditFilter):
    """An export of the matching entries, the oldest first."""

    format: Literal["csv", "jsonl"] = "csv"


class AuditActor(Schema):
    """The actor: a user, a guest, or the system."""

    id: str | None
    kind: str
    email: str | None = None
    roles: list[str]
    api_key: str | None = None


class AuditResource(Schema):
    """The affected resource."""

    type: str
    id: str


class AuditChange(Schema):
    """A changed field; secrets are masked."""

    field: str
    before: Any = None
    after: Any = None


class AuditEntry(Schema):
    """An audited action. `hash` is SHA-256 over the entry's number, its content and `previous_hash`."""

    seq: int
    id: str
    at: Moment
    actor: AuditActor
    action: str
    resource: AuditResource
    changes: list[AuditChange]
    request_id: str | None
    ip: str | None
    user_agent: str | None
    previous_hash: str
    hash: str


class AuditVerdict(Schema):
    """Result of a verification; if invalid, the first broken entry and the reason."""

    valid: bool
    entries: int
    first_broken: int | None = None
    reason: str | None = None
