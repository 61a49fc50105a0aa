"""Queries on settings and flags. Changes are conditional on the version that they are based on."""

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.config import Declared, FlagWrite
from schemas.config_declarations import KILL_SWITCHES, SETTINGS
from schemas.events.config import FlagChanged, SettingChanged
from services.chassis.common.errors import Conflict, NotFound, PreconditionFailed
from services.chassis.common.versions import check_version
from services.chassis.stores.postgres import PostgresStore, Session
from services.config.domain import flag_state, initial_flag, rfc3339, setting_state
from services.config.models import flags, setting_changes, settings


class ConfigStore(PostgresStore):
    """The store of config. Settings and flags without a row have their declared value and version 0."""

    def snapshot(self) -> dict[str, Any]:
        """All changed settings and flags: (value, version) by name."""
        with self.reading() as connection:
            changed_settings = connection.execute(select(settings.c.key, settings.c.value, settings.c.version)).all()
            changed_flags = connection.execute(select(flags.c.name, flags.c.definition, flags.c.version)).all()
        return {
            "settings": {row.key: [row.value, row.version] for row in changed_settings if row.key in SETTINGS},
            "flags": {row.name: [row.definition, row.version] for row in changed_flags},
        }

    # -- settings ------------------------------------------------------------------------------------------------

    def all_settings(self) -> list[dict[str, Any]]:
        with self.reading() as connection:
            rows = {row.key: row for row in connection.execute(select(settings))}
        return [_setting(setting, rows.get(key)) for key, setting in SETTINGS.items()]

    def setting(self, setting: Declared) -> dict[str, Any]:
        """One setting with its value."""
        with self.reading() as connection:
            query = select(settings).where(settings.c.key == setting.key)
            return _setting(setting, connection.execute(query).one_or_none())

    def history(self, key: str) -> list[dict[str, Any]]:
        """The changes of a setting, the newest first."""
        query = select(setting_changes).where(setting_changes.c.key == key).order_by(setting_changes.c.version.desc())
        with self.reading() as connection:
            rows = connection.execute(query).all()
        fields = ("version", "value", "author", "reason")
        return [{name: getattr(row, name) for name in fields} | {"at": rfc3339(row.at)} for row in rows]

    def set_setting(
        self, setting: Declared, value: Any, version: int, author: str | None, reason: str
    ) -> dict[str, Any]:
        """Change a setting from `version`. Raises `Conflict` if its version differs."""
        with self.transaction() as session:
            return self._store_setting(session, setting, value, version, author, reason)

    def roll_back(
        self, setting: Declared, version: int, author: str | None, reason: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Restore the value of `version` as a new version. Raises `NotFound`, `PreconditionFailed`."""
        with self.transaction() as session:
            current_version = session.execute(
                select(settings.c.version).where(settings.c.key == setting.key).with_for_update()
            ).scalar()
            check_version(expected_version, current_version or 0)
            value = None
            if version:
                previous = select(setting_changes.c.value).where(
                    setting_changes.c.key == setting.key, setting_changes.c.version == version
                )
                row = session.execute(previous).one_or_none()
                if row is None:
                    raise NotFound(f"{setting.key} has no version {version}")
                value = row.value
            return self._store_setting(session, setting, value, current_version or 0, author, reason)

    def _store_setting(
        self, session: Session, setting: Declared, value: Any, version: int, author: str | None, reason: str
    ) -> dict[str, Any]:
        key, row = setting.key, {"value": value, "version": version + 1, "author": author}
        before = session.execute(select(settings.c.value).where(settings.c.key == key)).scalar()
        if version == 0:
            change: Any = pg_insert(settings).values(key=key, **row).on_conflict_do_nothing()
        else:
            change = update(settings).where(settings.c.key == key, settings.c.version == version).values(**row)
        stored = session.execute(change.returning(settings.c.at)).one_or_none()
        if stored is None:
            raise Conflict(
                f"{key} has been changed meanwhile", [{"field": "version", "message": "is not the current version"}]
            )
        session.execute(insert(setting_changes).values(key=key, reason=reason, **row))
        self.emit(session, SettingChanged(key=key, value=value, revision=version + 1), sequence=version + 1)
        self.audit(session, "setting.set", ("setting", key), {"value": before}, {"value": value, "reason": reason})
        return setting_state(setting, value, version + 1, rfc3339(stored.at), author)

    # -- flags ---------------------------------------------------------------------------------------------------

    def all_flags(self) -> list[dict[str, Any]]:
        with self.reading() as connection:
            rows = {row.name: row for row in connection.execute(select(flags))}
        return [_flag(name, rows.get(name)) for name in sorted({*KILL_SWITCHES, *rows})]

    def flag(self, name: str) -> dict[str, Any]:
        """The definition of a flag. Raises `NotFound`."""
        with self.reading() as connection:
            return _flag(name, connection.execute(select(flags).where(flags.c.name == name)).one_or_none())

    def set_flag(self, name: str, flag: FlagWrite, expected: int | None, author: str | None) -> dict[str, Any]:
        """Create or replace a flag. Raises `PreconditionFailed` if its version is not `expected`."""
        definition = flag.model_dump(mode="json", by_alias=True)
        with self.transaction() as session:
            row = {"name": name, "definition": definition, "version": 1, "author": author}
            stored = session.execute(
                pg_insert(flags).values(row).on_conflict_do_nothing().returning(flags.c.version, flags.c.at)
            ).one_or_none()
            before: dict[str, Any] | None = None
            if stored is None:
                previous = session.execute(select(flags).where(flags.c.name == name).with_for_update()).one()
                before, version = dict(previous.definition), previous.version
            else:
                version = 0
            if expected is not None and expected != version:
                raise PreconditionFailed(f"{name} has been changed meanwhile")
            if stored is None:
                changed_settings = {"definition": definition, "version": version + 1, "author": author}
                stored = session.execute(
                    update(flags)
                    .where(flags.c.name == name)
                    .values(**changed_settings)
                    .returning(flags.c.version, flags.c.at)
                ).one()
            self.emit(
                session, FlagChanged(name=name, flag=definition, revision=stored.version), sequence=stored.version
            )
            self.audit(session, "flag.set", ("flag", name), before, definition)
            return flag_state(name, definition, stored.version, rfc3339(stored.at), author)


def _setting(setting: Declared, row: Row[Any] | None) -> dict[str, Any]:
    if row is None:
        return setting_state(setting, None, 0, None, None)
    return setting_state(setting, row.value, row.version, rfc3339(row.at), row.author)


def _flag(name: str, row: Row[Any] | None) -> dict[str, Any]:
    if row is None:
        return flag_state(name, initial_flag(name), 0, None, None)
    return flag_state(name, row.definition, row.version, rfc3339(row.at), row.author)
