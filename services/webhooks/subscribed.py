"""The active subscriptions in memory, and the entrypoint that leaves out events which none of them names.

The memory follows the queue: it is read at the first event, again after each event that changes a subscription, and
again after each new connection to the broker, for only then another process may have consumed in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from nameko.extensions import DependencyProvider, SharedExtension

from schemas.api.webhooks import Scope
from schemas.events.auth import AccountDisabled, RolesAssigned
from schemas.events.webhooks import WebhookSubscriptionChanged
from services.chassis.messaging.streams import Envelope, EventStream
from services.webhooks.domain.audience import may_get

CONTROL: Final = (WebhookSubscriptionChanged, RolesAssigned, AccountDisabled)
"""Events that change who gets what."""
CONTROL_TYPES: Final = frozenset(event.type for event in CONTROL)


@dataclass(frozen=True)
class Subscription:
    """An active subscription, as the fan-out needs it."""

    id: str
    owner_id: str
    scope: Scope
    roles: tuple[str, ...]


@dataclass
class Subscribed:
    """Active subscriptions by event type; None while they are not read."""

    by_type: dict[str, list[Subscription]] | None = field(default=None)

    def forget(self) -> None:
        self.by_type = None

    def replace(self, rows: Iterable[Any]) -> None:
        """Take the active subscriptions from rows of the store."""
        by_type: dict[str, list[Subscription]] = {}
        for row in rows:
            subscription = Subscription(str(row.id), row.owner_id, row.scope, tuple(row.roles))
            for name in row.events:
                by_type.setdefault(name, []).append(subscription)
        self.by_type = by_type

    def wants(self, event_type: str) -> bool:
        """Whether an event is to be looked at."""
        return self.by_type is None or event_type in self.by_type or event_type in CONTROL_TYPES

    def of(self, event_type: str) -> list[Subscription]:
        """The subscriptions to a type whose owners still have the permission for it."""
        return [each for each in (self.by_type or {}).get(event_type, ()) if may_get(each.scope, each.roles)]


class SubscribedExtension(SharedExtension):
    """The subscriptions of a container, shared by its entrypoint and its workers."""

    def __init__(self) -> None:
        self.subscribed = Subscribed()
        super().__init__()


class SubscribedProvider(DependencyProvider):
    """Gives each worker the subscriptions."""

    shared = SubscribedExtension()

    def get_dependency(self, worker_ctx: Any) -> Subscribed:
        return self.shared.subscribed


class SubscribedEvents(EventStream):
    """The stream of events, of which those that nobody has subscribed cost one look-up."""

    shared = SubscribedExtension()

    def takes(self, envelope: Envelope) -> bool:
        return self.shared.subscribed.wants(str(envelope.get("type")))

    def declare(self, channel: Any) -> None:
        self.shared.subscribed.forget()
        super().declare(channel)
