"""Queries on subscriptions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, select, text, true, update

from schemas.api.webhooks import CreateWebhook, Scope, UpdateWebhook
from schemas.events.webhooks import WebhookSubscriptionChanged
from services.chassis.common.encryption import Encryption
from services.chassis.common.errors import Conflict, NotFound
from services.chassis.common.ids import new_id
from services.chassis.common.timestamps import rfc3339
from services.chassis.common.versions import check_version
from services.chassis.stores.postgres import PostgresStore, Session
from services.webhooks.domain.audience import MAX_OF_OWNER
from services.webhooks.models import chains, deliveries, secrets, subscriptions
from services.webhooks.store.secrets import add, keys_of, valid

Resource = dict[str, Any]
_AUDITED: Final = ("url", "events", "active")
_CHANGED: Final[Resource] = {"updated_at": func.now(), "version": subscriptions.c.version + 1}


class Subscriptions:
    """Subscriptions; `owner_id` limits a query to one owner's, None is all."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def create(self, command: CreateWebhook, scope: Scope, encryption: Encryption) -> Resource:
        """Store a subscription; the reply has its secret. Raises `Conflict` beyond the owner's limit.

        Idempotent under `command.idempotency`: the reply to a repeated command is made anew, for a stored one would
        have the secret in it.
        """
        subscription_id, owner_id = new_id(), str(command.caller.user_id)
        row = {
            "id": subscription_id,
            "owner_id": owner_id,
            "scope": scope,
            "roles": command.caller.roles,
            "url": command.url,
            "events": sorted(command.events),
            "active": command.active,
        }
        with self.store.transaction() as session:
            session.execute(
                text("select pg_advisory_xact_lock(hashtextextended('owner ' || :owner, 0))"), {"owner": owner_id}
            )
            earlier = self.store.claim(session, command.idempotency, {"id": subscription_id})
            if earlier is not None:
                return _with_secret(session, earlier["id"], owner_id, encryption)
            count = select(func.count()).where(subscriptions.c.owner_id == owner_id)
            if session.execute(count).scalar_one() >= MAX_OF_OWNER:
                raise Conflict(
                    f"You have {MAX_OF_OWNER} webhook subscriptions, the most there can be; delete one first"
                )
            session.execute(insert(subscriptions).values(row))
            secret = add(session, subscription_id, encryption)
            self._changed(session, "create", subscription_id, after=row)
            created = _resources(session, subscriptions.c.id == subscription_id)[0]
        return created | {"secret": secret}

    def list_all(self, owner_id: str | None) -> list[Resource]:
        """The newest first."""
        with self.store.reading() as connection:
            return _resources(connection, _owned_by(owner_id))

    def of_owner(self, owner_id: str) -> list[Resource]:
        """All subscriptions of an owner."""
        with self.store.reading() as connection:
            return _resources(connection, subscriptions.c.owner_id == owner_id)

    def get(self, subscription_id: str, owner_id: str | None) -> Resource:
        """Raises `NotFound`."""
        with self.store.reading() as connection:
            return _one(connection, subscription_id, owner_id)

    def update(self, command: UpdateWebhook, owner_id: str | None) -> Resource:
        """Change what the command gives. Active again, it continues with what waits.

        Raises `NotFound`, `PreconditionFailed`.
        """
        changes = {name: value for name in ("url", "events", "active") if (value := getattr(command, name)) is not None}
        with self.store.transaction() as session:
            before = self._lock(session, command.subscription_id, owner_id)
            check_version(command.expected_version, before.version)
            values: dict[str, Any] = changes | _CHANGED
            if command.active is not None:
                values |= {"disabled_at": None, "disabled_reason": None, "failures": 0}
            this = subscriptions.c.id == command.subscription_id
            session.execute(update(subscriptions).where(this).values(values))
            if command.active:
                session.execute(
                    update(chains)
                    .where(chains.c.subscription_id == command.subscription_id, chains.c.lease.is_(None))
                    .values(due=func.now(), failures=0, failing_since=None)
                )
            self._changed(session, "update", command.subscription_id, before=_audited(before), after=changes)
            return _resources(session, this)[0]

    def delete(self, subscription_id: str, owner_id: str | None, expected_version: int | None = None) -> None:
        """Delete a subscription with its deliveries. Raises `NotFound`, `PreconditionFailed`."""
        with self.store.transaction() as session:
            before = self._lock(session, subscription_id, owner_id)
            check_version(expected_version, before.version)
            session.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))
            self._changed(session, "delete", subscription_id, before=_audited(before))

    def delete_of_owner(self, owner_id: str) -> None:
        """Delete all subscriptions of an owner."""
        with self.store.transaction() as session:
            query = delete(subscriptions).where(subscriptions.c.owner_id == owner_id).returning(subscriptions.c.id)
            for subscription_id in session.execute(query).scalars().all():
                self._changed(session, "delete", subscription_id)

    def rotate(self, subscription_id: str, owner_id: str | None, encryption: Encryption) -> Resource:
        """Make a new secret; the reply has it. Raises `NotFound`."""
        with self.store.transaction() as session:
            self._lock(session, subscription_id, owner_id)
            secret = add(session, subscription_id, encryption)
            self._changed(session, "rotate", subscription_id)
            return _one(session, subscription_id, owner_id) | {"secret": secret}

    @contextmanager
    def locked_types(self) -> Iterator[set[str]]:
        """The event types of active subscriptions, under a lock that one process holds at a time."""
        with self.store.transaction() as session:
            session.execute(text("select pg_advisory_xact_lock(hashtextextended('bindings', 0))"))
            types = select(func.unnest(subscriptions.c.events)).where(subscriptions.c.active).distinct()
            yield set(session.execute(types).scalars())

    def active(self) -> Sequence[Any]:
        """The rows of active subscriptions."""
        query = select(subscriptions).where(subscriptions.c.active)
        with self.store.reading() as connection:
            return connection.execute(query).all()

    def set_roles(self, owner_id: str, roles: list[str]) -> Sequence[Any]:
        """Store the roles that an owner has now; their active subscriptions."""
        query = (
            update(subscriptions)
            .where(subscriptions.c.owner_id == owner_id)
            .values(roles=roles)
            .returning(subscriptions.c.id, subscriptions.c.scope, subscriptions.c.active)
        )
        with self.store.transaction() as session:
            return [row for row in session.execute(query) if row.active]

    def disable(self, ids: Sequence[str], reason: str) -> None:
        """Disable subscriptions whose owner may not have them any more."""
        values = {"active": False, "disabled_at": func.now(), "disabled_reason": reason, **_CHANGED}
        with self.store.transaction() as session:
            query = update(subscriptions).where(subscriptions.c.id.in_(ids), subscriptions.c.active).values(values)
            for subscription_id in session.execute(query.returning(subscriptions.c.id)).scalars().all():
                self._changed(session, "disable", subscription_id, after={"reason": reason})

    def disable_of_owner(self, owner_id: str, reason: str) -> None:
        """Disable all subscriptions of an owner."""
        query = select(subscriptions.c.id).where(subscriptions.c.owner_id == owner_id, subscriptions.c.active)
        with self.store.reading() as connection:
            ids = list(connection.execute(query).scalars())
        self.disable(ids, reason)

    def _lock(self, session: Session, subscription_id: str, owner_id: str | None) -> Any:
        columns = [subscriptions.c[name] for name in (*_AUDITED, "version")]
        query = select(*columns).where(subscriptions.c.id == subscription_id, _owned_by(owner_id))
        row = session.execute(query.with_for_update()).one_or_none()
        if row is None:
            raise NotFound("There is no such webhook subscription")
        return row

    def _changed(
        self,
        session: Session,
        action: str,
        subscription_id: str,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        self.store.emit(session, WebhookSubscriptionChanged(subscription_id=subscription_id))
        resource = ("webhook_subscription", subscription_id)
        self.store.audit(session, f"webhook_subscription.{action}", resource, before, after)


def _owned_by(owner_id: str | None) -> ColumnElement[bool]:
    """One owner's subscriptions: without those to events of the whole shop, which the owner may no longer have."""
    return true() if owner_id is None else and_(subscriptions.c.owner_id == owner_id, subscriptions.c.scope == "vendor")


def _with_secret(session: Session, subscription_id: str, owner_id: str, encryption: Encryption) -> Resource:
    """A subscription that was created before, with its current secret. Raises `NotFound` if it was deleted."""
    rows = _resources(session, (subscriptions.c.id == subscription_id) & (subscriptions.c.owner_id == owner_id))
    if not rows:
        raise NotFound("The webhook subscription was deleted")
    return rows[0] | {"secret": keys_of(session, [subscription_id], encryption)[subscription_id][0].secret}


def _one(connection: Any, subscription_id: str, owner_id: str | None) -> Resource:
    rows = _resources(connection, (subscriptions.c.id == subscription_id) & _owned_by(owner_id))
    if not rows:
        raise NotFound("There is no such webhook subscription")
    return rows[0]


def _resources(connection: Any, condition: ColumnElement[bool]) -> list[Resource]:
    """Subscriptions as `schemas.api.webhooks.WebhookSubscription`."""
    rows = connection.execute(_query(condition)).all()
    keys: dict[str, list[Resource]] = {row.id: [] for row in rows}
    query = select(secrets).where(secrets.c.subscription_id.in_(list(keys)), valid()).order_by(secrets.c.id.desc())
    for key in connection.execute(query):
        entry = {"id": key.id, "created_at": rfc3339(key.created_at), "expires_at": _moment(key.expires_at)}
        keys[key.subscription_id].append(entry)
    return [_resource(row) | {"keys": keys[row.id]} for row in rows]


def _query(condition: ColumnElement[bool]) -> Select[Any]:
    waiting = (
        select(func.count())
        .where(deliveries.c.subscription_id == subscriptions.c.id, deliveries.c.status == "pending")
        .scalar_subquery()
        .label("waiting")
    )
    return select(subscriptions, waiting).where(condition).order_by(subscriptions.c.id.desc())


def _resource(row: Any) -> Resource:
    names = ("id", "url", "active", "scope", "owner_id", "disabled_reason", "waiting", "version")
    times = ("disabled_at", "created_at", "updated_at")
    return {
        **{name: getattr(row, name) for name in names},
        **{name: _moment(getattr(row, name)) for name in times},
        "events": list(row.events),
    }


def _audited(row: Any) -> Resource:
    return {name: getattr(row, name) for name in _AUDITED}


def _moment(value: Any) -> str | None:
    return rfc3339(value) if value is not None else None
