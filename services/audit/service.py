"""Audit service: a tamper-evident trail of who did what, when and from where."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Final

import structlog
from pydantic import Field

from schemas.api.audit import AuditFilter, AuditQuery
from schemas.caller import Caller
from schemas.events.audit import ActionRecorded
from schemas.events.base import Event
from schemas.events.orders import (
    OrderCancellationRequested,
    OrderDelivered,
    OrderLinesCancellationRequested,
    OrderProcessing,
    OrderResumed,
    OrderReturned,
    OrderShipmentRequested,
    OrderShipped,
    OrderStepSettled,
)
from schemas.rpc.audit import AuditRpc
from services.audit.domain import body_of, order_step
from services.audit.person_keys import PersonKeys
from services.audit.settings import AuditSettings
from services.audit.store import AuditStore
from services.chassis.common import clock
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.events import on_event
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.observability import audit_records
from services.chassis.runtime.encrypting import Encrypting
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres

ORDER_FIELDS: Final = {"number", "reason", "note", "carrier", "tracking_number", "lines", "items", "step"}
SHORTEST_RETENTION_DAYS: Final = 90
"""The database refuses to delete younger entries."""

log = structlog.get_logger()


class AuditService(PersonalDataHandlers, Service):
    """RPC methods, event handlers and checkpoints of the audit trail."""

    name = "audit"

    store = Postgres(AuditStore)
    settings = Configured(AuditSettings)
    encryption = Encrypting()

    @on_batch(ActionRecorded, size=500, seconds=0.05)
    def append_actions(self, events: list[ActionRecorded]) -> None:
        """Append recorded actions; duplicates are skipped."""
        self.store.append([body_of(event.meta, event) for event in events], self._keys)

    @on_event(
        OrderCancellationRequested,
        OrderLinesCancellationRequested,
        OrderProcessing,
        OrderShipmentRequested,
        OrderShipped,
        OrderDelivered,
        OrderReturned,
        OrderResumed,
        OrderStepSettled,
    )
    def append_order_step(self, event: Event) -> None:
        """Append an order's step that was caused by a vendor or an administrator."""
        fields = event.model_dump(mode="json", include=ORDER_FIELDS)
        record = order_step(event.meta, event.subject, fields)
        if record is not None:
            self.store.append([body_of(event.meta, record)], self._keys)

    @implements(AuditRpc.entries)
    def entries(self, query: AuditQuery, caller: Caller) -> Json:
        return self.store.list(query, self._keys)

    @implements(AuditRpc.export)
    def export(
        self,
        query: AuditFilter,
        caller: Caller,
        after: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=2000)] = 500,
    ) -> Json:
        if after == 0:
            filters = query.model_dump(mode="json", by_alias=True, exclude_none=True)
            record = audit_records.record("audit.export", ("audit", "entries"), None, filters)
            event = ActionRecorded.from_envelope(envelope(record))
            self.store.append([body_of(event.meta, event)], self._keys)
        return list(self.store.after(query, after, limit, self._keys))

    @implements(AuditRpc.verify)
    def verify(self, caller: Caller) -> Json:
        verdict = self.store.verify(self.settings.checkpoint_key)
        if not verdict.valid:
            log.error("audit_trail_broken", first_broken=verdict.first_broken, reason=verdict.reason)
        return {key: value for key, value in asdict(verdict).items() if value is not None}

    @every(seconds=3600)
    def delete_old_entries(self) -> None:
        """Delete what is older than the retention, if there is one."""
        days = int(config.setting("audit.retention_days"))
        if days and (deleted := self.store.delete_old(timedelta(max(days, SHORTEST_RETENTION_DAYS)))):
            log.info("audit_entries_deleted", entries=deleted, retention_days=days)

    def personal_data(self, person: Person) -> Sections:
        return {"entries": self.store.of_person(person.user_id, self._keys)}

    def erase_person(self, person: Person) -> None:
        self.store.erase(person.user_id)

    @property
    def _keys(self) -> PersonKeys:
        return PersonKeys(self.encryption, self.settings.secret_key.get_secret_value().encode())

    @every(seconds=60)
    def make_checkpoint(self) -> None:
        """Sign the current end of the chain; also logged, outside of the database."""
        at = clock.rfc3339(clock.now())
        if (seq := self.store.checkpoint(self.settings.checkpoint_key, at)) is not None:
            log.info("audit_checkpoint", seq=seq, at=at)
