"""Export and erasure of personal data."""

from typing import Any, Literal

from pydantic import Field

from schemas.api.auth import AnyPassword
from schemas.api.config import Reason
from schemas.base import Id, Moment, Request, Schema
from schemas.caller import Caller


class ServiceProgress(Schema):
    """The number of services that have delivered their data."""

    done: int
    total: int


class Export(Schema):
    """An export of a person's data. `url` once it is ready: a JSON archive with a key per service."""

    id: str
    status: Literal["running", "ready"]
    progress: ServiceProgress
    requested_at: Moment
    url: str | None = None
    expires_at: Moment | None = None


class ExportPart(Schema):
    """Records of one section of a service's data."""

    service: str
    section: str
    part: int
    records: list[Any]


class ExportPlace(Request):
    """A place within an export: after this part."""

    service: str
    section: str
    part: int


class ReadExport(Request):
    """Read the next part of an export by its signed link."""

    export_id: Id
    expires: int
    signature: str
    after: ExportPlace | None = None


class ExportLink(Schema):
    """The signature of a link to an export."""

    expires: int = Field(ge=0, le=2**40, description="Unix time")
    signature: str = Field(min_length=1, max_length=100)


class EraseRequest(Request):
    """Erase the own account. The current password confirms it; without one, a sign-in of the last ten minutes."""

    password: AnyPassword | None = Field(default=None, repr=False)


class EraseAccount(EraseRequest):
    """Erase the caller's account, in this session."""

    caller: Caller
    session_id: Id | None = None


class EraseUserRequest(Request):
    """Erase the account of a person who has requested it."""

    reason: Reason
    """Kept in the audit trail after the erasure: it must not name the person."""


class EraseUser(EraseUserRequest):
    """Erase another's account."""

    user_id: Id
    caller: Caller


class Erasure(Schema):
    """An erasure that has begun."""

    id: str
    status: Literal["running", "completed"]


class ErasureProgress(Erasure):
    """The progress of an erasure: the services that have finished the round.

    The second round erases what was being written during the first one.
    """

    user_id: str
    round: int
    services: list[str]
    requested_at: Moment
    completed_at: Moment | None = None
