"""Queries for the administration of accounts: search, status, roles, spending."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.accounts import AccountChange, AccountQuery, UpdateAccount
from schemas.events.auth import AccountDisabled, AccountEnabled, AccountRenamed, RolesAssigned
from schemas.events.payments import PaymentCaptured, PaymentRefunded
from schemas.permissions.permission import Permission
from schemas.permissions.roles import ADMIN, definitions, may_grant, permissions_of
from services.auth.models import accounts, groups, second_factors, sessions, spending
from services.auth.session_store import SessionStore
from services.chassis.common import clock
from services.chassis.common.errors import Forbidden, InvalidState, NotFound, ValidationFailed
from services.chassis.common.paging import ASCENDING, DESCENDING, Keyset, Kind, Paging, SortKey
from services.chassis.common.timestamps import rfc3339
from services.chassis.common.versions import check_version
from services.chassis.stores.keyset_postgres import paged
from services.chassis.stores.postgres import Session

NEVER: Final = "timestamptz '1970-01-01 00:00+00'"
"""The sort value of accounts without a login, as in the index."""
_SORTED_BY: Final[dict[str, ColumnElement[Any]]] = {
    "created_at": accounts.c.created_at,
    "email": accounts.c.email_key,
    "last_login_at": func.coalesce(accounts.c.last_login_at, literal_column(NEVER)),
    "spent": func.coalesce(spending.c.amount, 0),
}
_KINDS: Final[dict[str, Kind]] = {
    "created_at": "moment", "email": "text", "last_login_at": "moment", "spent": "integer",
}  # fmt: skip
KEYSETS: Final = {
    sort: Keyset(f"accounts:{sort}", (SortKey(name, direction, kind), SortKey("id", direction, "id")))
    for name, kind in _KINDS.items()
    for sort, direction in ((name, ASCENDING), (f"-{name}", DESCENDING))
}
_NEXT_VERSION: Final = {"version": accounts.c.version + 1}
_COPIED: Final = ("id", "email", "first_name", "last_name", "email_verified", "status", "version")
_LIKE: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


class Directory:
    """The accounts as administrators see and change them."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store

    def find(self, query: AccountQuery) -> dict[str, Any]:
        """A page of accounts with its total."""
        keyset, paging = KEYSETS[query.sort], Paging.of(query)
        condition = and_(*_conditions(query))
        key = _SORTED_BY[query.sort.removeprefix("-")]
        rows = paged(
            _selected(query.currency).add_columns(key.label("sort_value")).where(condition),
            keyset,
            (key, accounts.c.id),
            paging,
        )
        total = select(func.count()).select_from(_source(query.currency)).where(condition)
        with self.store.reading() as connection:
            count = connection.execute(total).scalar_one()
            page = keyset.page(connection.execute(rows).all(), count, paging, lambda last: (last.sort_value, last.id))
            return page | {"items": [_entry(row) for row in page["items"]]}

    def get(self, user_id: str) -> dict[str, Any]:
        """One account. Raises `NotFound`."""
        with self.store.reading() as connection:
            row = connection.execute(_selected("USD").where(accounts.c.id == user_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such account")
        return _entry(row)

    def change(self, command: UpdateAccount) -> dict[str, Any]:
        """Change names, status or groups. Disabling ends all sessions.

        Raises `NotFound`, `Forbidden`, `InvalidState` for the last administrator.
        """
        values = command.model_dump(include=set(AccountChange.model_fields), exclude_none=True)
        if not values:
            raise ValidationFailed("Name at least one field to change")
        with self.store.transaction() as session:
            before = self._changeable(session, command.user_id, permissions_of(command.caller.roles))
            check_version(command.expected_version, before.version)
            if command.status == "disabled" and command.user_id == command.caller.user_id:
                raise InvalidState("Nobody can disable their own account")
            if command.status == "disabled":
                self._keep_an_administrator(session, before)
            if command.groups is not None:
                self._check_groups(session, command.groups)
            names = {"first_name", "last_name"} & values.keys()
            changed = values | _NEXT_VERSION | ({"named_at": clock.now()} if names else {})
            session.execute(update(accounts).where(accounts.c.id == command.user_id).values(changed))
            if names:
                renamed = {name: values.get(name) or getattr(before, name) for name in ("first_name", "last_name")}
                self.store.emit(session, AccountRenamed(user_id=command.user_id, **renamed))
            if command.status is not None and command.status != before.status:
                self._set_status(session, command.user_id, command.status)
            old = {name: getattr(before, name) for name in values}
            self.store.audit(session, "account.update", ("account", command.user_id), old, values)
        return self.get(command.user_id)

    def set_roles(
        self, user_id: str, roles: list[str], grantor: frozenset[Permission], expected_version: int | None = None
    ) -> dict[str, Any]:
        """Replace the roles; all sessions end, since their tokens carry the former ones.

        Raises `ValidationFailed` for unknown roles, `Forbidden` for more than the grantor has, `PreconditionFailed`,
        `InvalidState` when no administrator would be left.
        """
        new = sorted(set(roles))
        for index, role in enumerate(roles):
            if role not in definitions():
                raise ValidationFailed.of(f"roles.{index}", "is not a role")
        with self.store.transaction() as session:
            before = self._changeable(session, user_id, grantor)
            check_version(expected_version, before.version)
            if not may_grant(grantor, permissions_of(new)):
                raise Forbidden("One can only grant permissions that one has")
            if ADMIN not in new:
                self._keep_an_administrator(session, before)
            if sorted(before.roles) != new:
                session.execute(update(accounts).where(accounts.c.id == user_id).values({"roles": new} | _NEXT_VERSION))
                self.store.end_sessions(session, sessions.c.user_id == user_id)
                self.store.emit(session, RolesAssigned(user_id=user_id, roles=new))
                old = {"roles": list(before.roles)}
                self.store.audit(session, "account.set_roles", ("account", user_id), old, {"roles": new})
        return self.get(user_id)

    def add_spending(self, events: Iterable[PaymentCaptured | PaymentRefunded]) -> None:
        """Add payments to what their customers have spent and subtract refunds, in minor units, once per event."""
        with self.store.transaction() as session:
            amounts: Counter[tuple[str, str]] = Counter()
            for event in events:
                if event.customer_id is not None and self.store.first_time(session, event):
                    amount = event.captured if isinstance(event, PaymentCaptured) else -event.refund
                    amounts[event.customer_id, event.currency] += amount
            for (user_id, currency), amount in sorted(amounts.items()):  # in one order: no deadlock
                statement = pg_insert(spending).values(user_id=user_id, currency=currency, amount=amount)
                total = spending.c.amount + statement.excluded.amount
                session.execute(
                    statement.on_conflict_do_update(index_elements=["user_id", "currency"], set_={"amount": total})
                )

    def _set_status(self, session: Session, user_id: str, status: str) -> None:
        if status == "disabled":
            self.store.end_sessions(session, sessions.c.user_id == user_id)
        event = AccountDisabled if status == "disabled" else AccountEnabled
        self.store.emit(session, event(user_id=user_id))

    @staticmethod
    def _keep_an_administrator(session: Session, account: Any) -> None:
        """Raise `InvalidState` if the account, which is about to lose its rights, is the last active administrator.

        Under a lock, since two administrators may take the rights of each other at the same time.
        """
        if ADMIN not in account.roles or account.status != "active":
            return
        session.execute(text("select pg_advisory_xact_lock(hashtextextended('administrators', 0))"))
        others = (accounts.c.roles.contains([ADMIN]), accounts.c.status == "active", accounts.c.id != account.id)
        if session.execute(select(accounts.c.id).where(*others).limit(1)).first() is None:
            raise InvalidState("This is the last administrator: make another one first")

    @staticmethod
    def _changeable(session: Session, user_id: str, grantor: frozenset[Permission]) -> Any:
        """The account, locked. Raises `Forbidden` for one with permissions that the caller lacks."""
        row = session.execute(select(accounts).where(accounts.c.id == user_id).with_for_update()).one_or_none()
        if row is None:
            raise NotFound("There is no such account")
        if row.status == "erased":
            raise InvalidState("The account was erased")
        if not permissions_of(row.roles) <= grantor:
            raise Forbidden("The account has permissions that you lack")
        return row

    @staticmethod
    def _check_groups(session: Session, names: list[str]) -> None:
        existing = set(session.execute(select(groups.c.name).where(groups.c.name.in_(names))).scalars())
        for index, name in enumerate(names):
            if name not in existing:
                raise ValidationFailed.of(f"groups.{index}", "is not a group")


def _source(currency: str) -> Any:
    return accounts.outerjoin(spending, and_(spending.c.user_id == accounts.c.id, spending.c.currency == currency))


def _selected(currency: str) -> Any:
    all_spent = (
        select(func.jsonb_object_agg(spending.c.currency, spending.c.amount))
        .where(spending.c.user_id == accounts.c.id)
        .correlate(accounts)
        .scalar_subquery()
    )
    has_factor = exists().where(second_factors.c.user_id == accounts.c.id, second_factors.c.confirmed_at.is_not(None))
    return select(accounts, all_spent.label("spent"), has_factor.label("second_factor")).select_from(_source(currency))


def _conditions(query: AccountQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [accounts.c.id.is_not(None)]
    if query.q is not None:
        prefix = query.q.lower().translate(_LIKE) + "%"
        columns = (accounts.c.email_key, func.lower(accounts.c.first_name), func.lower(accounts.c.last_name))
        conditions.append(or_(*(column.like(prefix) for column in columns)))
    if query.role is not None:
        conditions.append(accounts.c.roles.contains([query.role]))
    if query.group is not None:
        conditions.append(accounts.c.groups.contains([query.group]))
    if query.status is not None:
        conditions.append(accounts.c.status == query.status)
    if query.registered_from is not None:
        conditions.append(accounts.c.created_at >= query.registered_from)
    if query.registered_to is not None:
        conditions.append(accounts.c.created_at < query.registered_to)
    if query.min_spent is not None:
        conditions.append(spending.c.amount >= query.min_spent)
    return conditions


def _entry(row: Any) -> dict[str, Any]:
    """A row as `schemas.api.accounts.AccountEntry`."""
    return {
        **{name: getattr(row, name) for name in _COPIED},
        "roles": list(row.roles),
        "groups": list(row.groups),
        "second_factor": row.second_factor,
        "spent": dict(row.spent or {}),
        "created_at": rfc3339(row.created_at),
        "last_login_at": rfc3339(row.last_login_at) if row.last_login_at else None,
    }
