"""Queries of the delivery: chains are claimed under a lease, and their first delivery is sent.

A claim ends with its lease, by the database's clock (ADR 0045): a process that dies leaves a chain that another takes
over, and one that comes back too late can't record its result any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update

from schemas.events.webhooks import WebhookSubscriptionChanged, WebhookSubscriptionDisabled
from services.chassis.common.encryption import Encryption
from services.chassis.common.ids import new_id
from services.chassis.stores.postgres import PostgresStore, Session
from services.webhooks.domain.retries import GIVE_UP_AFTER
from services.webhooks.domain.signing import SigningKey
from services.webhooks.models import chains, deliveries, subscriptions
from services.webhooks.store.secrets import keys_of

LEASE: Final = timedelta(seconds=60)
"""Longer than an attempt can take."""
PARALLEL: Final = 4
"""Chains of one subscription that are delivered concurrently."""
FAILING: Final = 3
"""From so many failed attempts in a row on, a subscription gets one attempt at a time."""
_CLAIM: Final = text(
    """
    with chosen as (
        select c.subscription_id, c.chain
        from subscriptions s
        cross join lateral (
            select count(*) as leased from chains l
            where l.subscription_id = s.id and l.lease is not null and l.due > now()
        ) busy
        cross join lateral (
            select d.subscription_id, d.chain, d.due from chains d
            where d.subscription_id = s.id and d.due <= now()
            order by d.due
            limit greatest(0, (case when s.failures >= :failing then 1 else :parallel end) - busy.leased)
        ) c
        where s.active
        order by c.due limit :limit
    )
    update chains set lease = :lease, due = now() + :seconds
    where (subscription_id, chain) in (
        select k.subscription_id, k.chain from chains k join chosen using (subscription_id, chain)
        where k.due <= now() for update of k skip locked
    )
    returning subscription_id, chain, failures, failing_since
    """
)
_FIRST: Final = text(
    """
    select d.*, s.url, s.scope, s.roles
    from unnest(cast(:subscriptions as uuid[]), cast(:chains as text[])) as claimed (subscription_id, chain)
    join subscriptions s on s.id = claimed.subscription_id
    cross join lateral (
        select id, subscription_id, chain, event_id, type, body, attempts from deliveries p
        where p.subscription_id = claimed.subscription_id and p.chain = claimed.chain and p.status = 'pending'
        order by p.position limit 1
    ) d
    """
)


@dataclass(frozen=True)
class Attempt:
    """A claimed delivery that is to be sent now."""

    lease: str
    subscription_id: str
    chain: str
    delivery_id: str
    event_id: str
    type: str
    url: str
    body: str
    number: int
    """Counted from 1."""
    failures: int
    """Failed attempts of this delivery since it became due."""
    keys: Sequence[SigningKey]


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt: the reply, or why there is none."""

    headers: dict[str, str]
    status: int | None = None
    body: str | None = None
    ms: int | None = None
    error: str | None = None

    @property
    def is_success(self) -> bool:
        return self.error is None


class Attempts:
    """Claims of chains, and what came of them."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def claim(self, limit: int, encryption: Encryption) -> list[Attempt]:
        """Claim up to `limit` chains that are due and read the first delivery of each."""
        lease = new_id()
        values = {"limit": limit, "lease": lease, "seconds": LEASE, "failing": FAILING, "parallel": PARALLEL}
        with self.store.transaction() as session:
            claimed = {(str(row.subscription_id), row.chain): row for row in session.execute(_CLAIM, values)}
            if not claimed:
                return []
            names = list(claimed)
            rows = session.execute(
                _FIRST, {"subscriptions": [name[0] for name in names], "chains": [name[1] for name in names]}
            ).all()
            keys = keys_of(session, [name[0] for name in names], encryption)
            for name in set(names) - {(str(row.subscription_id), row.chain) for row in rows}:
                self._continue(session, *name)  # what was pending was erased or deleted
        return [
            Attempt(
                lease=lease,
                subscription_id=str(row.subscription_id),
                chain=row.chain,
                delivery_id=str(row.id),
                event_id=str(row.event_id),
                type=row.type,
                url=row.url,
                body=row.body,
                number=row.attempts + 1,
                failures=claimed[str(row.subscription_id), row.chain].failures,
                keys=keys[str(row.subscription_id)],
            )
            for row in rows
        ]

    def record(self, attempt: Attempt, outcome: Outcome, wait: timedelta) -> bool:
        """Record an attempt: the chain goes on with its next delivery, or waits for the next attempt of this one.

        The subscription is disabled when the chain has failed for three days. False: another process has taken the
        chain over, nothing is recorded.
        """
        with self.store.transaction() as session:
            subscription = session.execute(
                select(subscriptions)
                .where(subscriptions.c.id == attempt.subscription_id)
                .with_for_update(key_share=True)
            ).one_or_none()
            claimed = session.execute(
                select(chains, func.now().label("now")).where(*_this(attempt)).with_for_update()
            ).one_or_none()
            if subscription is None or claimed is None or claimed.lease != attempt.lease:
                return False
            self._write(session, attempt, outcome)
            if outcome.is_success:
                self._continue(session, attempt.subscription_id, attempt.chain)
                self._count_failures(session, subscription, 0)
                return True
            since = claimed.failing_since or claimed.now
            session.execute(
                update(chains)
                .where(*_this(attempt))
                .values(lease=None, due=func.now() + wait, failures=chains.c.failures + 1, failing_since=since)
            )
            self._count_failures(session, subscription, subscription.failures + 1)
            if subscription.active and claimed.now - since >= GIVE_UP_AFTER:
                self._disable(session, subscription, str(outcome.error), since)
            return True

    def _write(self, session: Session, attempt: Attempt, outcome: Outcome) -> None:
        values: dict[str, Any] = {
            "attempts": attempt.number,
            "headers": outcome.headers,
            "reply_status": outcome.status,
            "reply_body": outcome.body,
            "reply_ms": outcome.ms,
            "error": outcome.error,
            "last_attempt_at": func.now(),
        }
        if outcome.is_success:
            values |= {"status": "delivered", "delivered_at": func.now()}
        pending = (deliveries.c.id == attempt.delivery_id, deliveries.c.status == "pending")
        session.execute(update(deliveries).where(*pending).values(values))

    def _continue(self, session: Session, subscription_id: str, chain: str) -> None:
        """Make the chain due for its next delivery, or delete it after its last one. Its row is locked."""
        names = {"subscription_id": subscription_id, "chain": chain}
        session.execute(
            text(
                """
                update chains set lease = null, due = now(), failures = 0, failing_since = null
                where subscription_id = :subscription_id and chain = :chain
                """
            ),
            names,
        )
        session.execute(
            text(
                """
                delete from chains c where c.subscription_id = :subscription_id and c.chain = :chain and not exists (
                    select 1 from deliveries d
                    where d.subscription_id = c.subscription_id and d.chain = c.chain and d.status = 'pending'
                )
                """
            ),
            names,
        )

    def _count_failures(self, session: Session, subscription: Any, failures: int) -> None:
        if failures != subscription.failures:
            this = subscriptions.c.id == subscription.id
            session.execute(update(subscriptions).where(this).values(failures=failures))

    def _disable(self, session: Session, subscription: Any, error: str, since: datetime) -> None:
        this = subscriptions.c.id == subscription.id
        session.execute(
            update(subscriptions)
            .where(this)
            .values(
                active=False,
                disabled_at=func.now(),
                updated_at=func.now(),
                disabled_reason=error,
                version=subscriptions.c.version + 1,
            )
        )
        waiting = select(func.count()).where(
            deliveries.c.subscription_id == subscription.id, deliveries.c.status == "pending"
        )
        disabled = WebhookSubscriptionDisabled(
            subscription_id=subscription.id,
            owner_id=subscription.owner_id,
            url=subscription.url.partition("?")[0],
            error=error,
            failing_since=since,
            waiting=session.execute(waiting).scalar_one(),
        )
        self.store.emit(session, disabled)
        self.store.emit(session, WebhookSubscriptionChanged(subscription_id=subscription.id))


def _this(attempt: Attempt) -> tuple[Any, Any]:
    return chains.c.subscription_id == attempt.subscription_id, chains.c.chain == attempt.chain
