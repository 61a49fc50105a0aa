"""RPC interface of the audit service."""

from typing import Annotated, Protocol

from pydantic import Field

from schemas.api.audit import AuditEntry, AuditFilter, AuditQuery, AuditVerdict
from schemas.base import Page
from schemas.caller import Caller


class AuditRpc(Protocol):
    """The audit trail: list, export, verify."""

    def entries(self, query: AuditQuery, caller: Caller) -> Page[AuditEntry]:
        """List entries, the newest first."""
        ...

    def export(
        self,
        query: AuditFilter,
        caller: Caller,
        after: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=2000)] = 500,
    ) -> list[AuditEntry]:
        """Get the next `limit` entries after number `after`, the oldest first. Starting an export is audited."""
        ...

    def verify(self, caller: Caller) -> AuditVerdict:
        """Verify the whole hash chain. A million entries take some seconds."""
        ...
