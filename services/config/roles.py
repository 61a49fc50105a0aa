"""Queries on the definitions of roles: one row of the settings, whose history tells who changed what and why."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.roles import MAX_ROLES
from schemas.events.config import RolesChanged
from schemas.permissions.roles import ADMIN, PRESETS, ROLES_KEY, merged
from services.chassis.common.errors import Conflict, NotFound, ValidationFailed
from services.chassis.common.versions import check_version
from services.chassis.stores.postgres import Session
from services.config.models import setting_changes, settings
from services.config.store import ConfigStore

Roles = dict[str, list[str]]


class RoleStore(ConfigStore):
    """The store of config with the roles."""

    def snapshot(self) -> dict[str, Any]:
        """The snapshot with the changed roles and their version."""
        with self.reading() as connection:
            row = connection.execute(select(settings).where(settings.c.key == ROLES_KEY)).one_or_none()
        return super().snapshot() | {"roles": [row.value or {}, row.version] if row else None}

    def roles(self) -> list[dict[str, Any]]:
        """All roles, presets and changed ones, by name."""
        with self.reading() as connection:
            row = connection.execute(select(settings).where(settings.c.key == ROLES_KEY)).one_or_none()
        changed, version = (dict(row.value or {}), row.version) if row else ({}, 0)
        return [role_state(name, changed, version) for name in sorted(merged(changed))]

    def find_role(self, name: str) -> dict[str, Any]:
        """One role. Raises `NotFound`."""
        for role in self.roles():
            if role["name"] == name:
                return role
        raise NotFound(f"There is no role {name}")

    def put_role(
        self, name: str, permissions: list[str], author: str | None, reason: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Create or change a role. Raises `ValidationFailed` for ADMIN, `Conflict` for too many roles,
        `PreconditionFailed`.
        """
        if name == ADMIN:
            raise ValidationFailed.of("name", f"{ADMIN} has all permissions and can't be changed")

        def change(roles: Roles) -> Roles:
            changed = roles | {name: sorted(permissions)}
            if len(changed) > MAX_ROLES:
                raise Conflict(f"There are {MAX_ROLES} roles; remove one first")
            return changed

        return role_state(name, *self._change(change, name, author, reason, expected_version))

    def reset_role(self, name: str, author: str | None, reason: str, expected_version: int | None = None) -> None:
        """Delete a role, or restore a preset. Raises `NotFound`, `ValidationFailed` for ADMIN, `PreconditionFailed`."""
        if name == ADMIN:
            raise ValidationFailed.of("name", f"{ADMIN} can't be changed")

        def change(roles: Roles) -> Roles:
            if name not in roles and name not in PRESETS:
                raise NotFound(f"There is no role {name}")
            return {other: permissions for other, permissions in roles.items() if other != name}

        self._change(change, name, author, reason, expected_version)

    def _change(
        self,
        change: Callable[[Roles], Roles],
        name: str,
        author: str | None,
        reason: str,
        expected_version: int | None,
    ) -> tuple[Roles, int]:
        with self.transaction() as session:
            before, version = self._locked(session)
            check_version(expected_version, version)
            after = change(before)
            row = {"key": ROLES_KEY, "value": after, "version": version + 1, "author": author}
            session.execute(
                pg_insert(settings)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["key"], set_={"value": after, "version": version + 1, "author": author}
                )
            )
            session.execute(insert(setting_changes).values(reason=reason, **row))
            self.emit(session, RolesChanged(key=ROLES_KEY, roles=after, revision=version + 1), sequence=version + 1)
            self.audit(
                session,
                "role.set",
                ("role", name),
                {"permissions": before.get(name)},
                {"permissions": after.get(name), "reason": reason},
            )
        return after, version + 1

    @staticmethod
    def _locked(session: Session) -> tuple[Roles, int]:
        """The changed roles and their version, locked until the end of the transaction."""
        session.execute(pg_insert(settings).values(key=ROLES_KEY, value={}, version=0).on_conflict_do_nothing())
        row = session.execute(select(settings).where(settings.c.key == ROLES_KEY).with_for_update()).one()
        return dict(row.value or {}), row.version


def role_state(name: str, changed: Roles, version: int) -> dict[str, Any]:
    """The role as `schemas.api.roles.RoleState`."""
    return {
        "name": name,
        "permissions": sorted(merged(changed).get(name, ())),
        "preset": name in PRESETS,
        "changed": name in changed,
        "editable": name != ADMIN,
        "version": version,
    }
