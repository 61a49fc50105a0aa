"""Queries on groups of customers."""

from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.accounts import PutGroup
from services.auth.models import accounts, groups
from services.auth.session_store import SessionStore
from services.chassis.common.errors import Conflict, NotFound
from services.chassis.common.versions import check_version
from services.chassis.stores.postgres import Session

MAX_GROUPS: Final = 1000
Group = dict[str, Any]


class Groups:
    """The table `groups`; an account has the names of its groups."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store

    def all(self) -> list[Group]:
        """The groups with the number of their members."""
        with self.store.reading() as connection:
            return [_group(row) for row in connection.execute(_query())]

    def get(self, name: str) -> Group:
        """Raises `NotFound`."""
        with self.store.reading() as connection:
            row = connection.execute(_query().where(groups.c.name == name)).one_or_none()
        if row is None:
            raise NotFound("There is no such group")
        return _group(row)

    def put(self, command: PutGroup) -> Group:
        """Create or rename a group. Raises `Conflict` beyond 1,000 groups, `PreconditionFailed`."""
        with self.store.transaction() as session:
            others = select(func.count()).select_from(groups).where(groups.c.name != command.name)
            if session.execute(others).scalar_one() >= MAX_GROUPS:
                raise Conflict(f"There are {MAX_GROUPS} groups; delete one first")
            statement = pg_insert(groups).values(name=command.name, title=command.title)
            version = session.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"], set_={"title": command.title, "version": groups.c.version + 1}
                ).returning(groups.c.version)
            ).scalar_one()
            check_version(command.expected_version, version - 1)  # else the transaction is rolled back
            self.store.audit(session, "group.set", ("group", command.name), after={"title": command.title})
            return _group(session.execute(_query().where(groups.c.name == command.name)).one())

    def delete(self, name: str, expected_version: int | None = None) -> None:
        """Delete a group; its members leave it. Raises `NotFound`, `PreconditionFailed`."""
        with self.store.transaction() as session:
            row = session.execute(delete(groups).where(groups.c.name == name).returning(groups.c.version)).one_or_none()
            if row is None:
                raise NotFound("There is no such group")
            check_version(expected_version, row.version)
            self._leave(session, name)
            self.store.audit(session, "group.delete", ("group", name), before={"name": name})

    @staticmethod
    def _leave(session: Session, name: str) -> None:
        values = {"groups": func.array_remove(accounts.c.groups, name), "version": accounts.c.version + 1}
        session.execute(update(accounts).where(accounts.c.groups.contains([name])).values(values))


def _query() -> Select[Any]:
    name = func.unnest(accounts.c.groups).label("name")
    members = select(name, func.count().label("members")).group_by(name).subquery()
    return (
        select(groups.c.name, groups.c.title, groups.c.version, func.coalesce(members.c.members, 0).label("members"))
        .outerjoin(members, members.c.name == groups.c.name)
        .order_by(groups.c.name)
    )


def _group(row: Any) -> Group:
    """A row as `schemas.api.accounts.Group`."""
    return {name: getattr(row, name) for name in ("name", "title", "members", "version")}
