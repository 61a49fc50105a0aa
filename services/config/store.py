"""Every query on settings and flags. A change names the version that it was made from; a stale one changes nothing."""

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.config import KILL_SWITCHES, SETTINGS, Declared, FlagWrite
from schemas.events.config import FlagChanged, SettingChanged
from services.chassis.common.errors import Conflict, NotFound, PreconditionFailed
from services.chassis.stores.postgres import PostgresStore, Session
from services.config.domain import first_flag, flag_state, rfc3339, setting_state
from services.config.models import flags, setting_changes, settings


class ConfigStore(PostgresStore):
    """What isn't in a table is as it is declared, with version 0."""

    def snapshot(self) -> dict[str, Any]:
        """(value, version) of all that was ever changed, by name."""
        with self.reading() as connection:
            changed = connection.execute(select(settings.c.key, settings.c.value, settings.c.version)).all()
            switched = connection.execute(select(flags.c.name, flags.c.definition, flags.c.version)).all()
        return {
            "settings": {row.key: [row.value, row.version] for row in changed if row.key in SETTINGS},
            "flags": {row.name: [row.definition, row.version] for row in switched},
        }

    # -- settings ------------------------------------------------------------------------------------------------

    def all_settings(self) -> list[dict[str, Any]]:
        with self.reading() as connection:
            rows = {row.key: row for row in connection.execute(select(settings))}
        return [_setting(declared, rows.get(key)) for key, declared in SETTINGS.items()]

    def history(self, key: str) -> list[dict[str, Any]]:
        """Every change of a setting, the newest first."""
        query = select(setting_changes).where(setting_changes.c.key == key).order_by(setting_changes.c.version.desc())
        with self.reading() as connection:
            rows = connection.execute(query).all()
        fields = ("version", "value", "author", "reason")
        return [{name: getattr(row, name) for name in fields} | {"at": rfc3339(row.at)} for row in rows]

    def set(self, declared: Declared, value: Any, version: int, author: str | None, reason: str) -> dict[str, Any]:
        """Change a setting that is still at `version`. Raises `Conflict`."""
        with self.transaction() as session:
            return self._set(session, declared, value, version, author, reason)

    def set_back(self, declared: Declared, version: int, author: str | None, reason: str) -> dict[str, Any]:
        """Set again what was in force as `version`. Raises `NotFound` for one that never was."""
        with self.transaction() as session:
            now = session.execute(
                select(settings.c.version).where(settings.c.key == declared.key).with_for_update()
            ).scalar()
            value = None
            if version:
                old = select(setting_changes.c.value).where(
                    setting_changes.c.key == declared.key, setting_changes.c.version == version
                )
                row = session.execute(old).one_or_none()
                if row is None:
                    raise NotFound(f"{declared.key} never had a version {version}")
                value = row.value
            return self._set(session, declared, value, now or 0, author, reason)

    def _set(
        self, session: Session, declared: Declared, value: Any, version: int, author: str | None, reason: str
    ) -> dict[str, Any]:
        key, row = declared.key, {"value": value, "version": version + 1, "author": author}
        before = session.execute(select(settings.c.value).where(settings.c.key == key)).scalar()
        if version == 0:
            change: Any = pg_insert(settings).values(key=key, **row).on_conflict_do_nothing()
        else:
            change = update(settings).where(settings.c.key == key, settings.c.version == version).values(**row)
        done = session.execute(change.returning(settings.c.at)).one_or_none()
        if done is None:
            raise Conflict(
                f"{key} was changed meanwhile", [{"field": "version", "message": "is not the current version"}]
            )
        session.execute(insert(setting_changes).values(key=key, reason=reason, **row))
        self.emit(session, SettingChanged(key=key, value=value, revision=version + 1), sequence=version + 1)
        self.audit(session, "setting.set", ("setting", key), {"value": before}, {"value": value, "reason": reason})
        return setting_state(declared, value, version + 1, rfc3339(done.at), author)

    # -- flags ---------------------------------------------------------------------------------------------------

    def all_flags(self) -> list[dict[str, Any]]:
        with self.reading() as connection:
            rows = {row.name: row for row in connection.execute(select(flags))}
        return [_flag(name, rows.get(name)) for name in sorted({*KILL_SWITCHES, *rows})]

    def flag(self, name: str) -> dict[str, Any]:
        """Raises `NotFound`."""
        with self.reading() as connection:
            return _flag(name, connection.execute(select(flags).where(flags.c.name == name)).one_or_none())

    def set_flag(self, name: str, flag: FlagWrite, expected: int | None, author: str | None) -> dict[str, Any]:
        """Make or replace a flag. Raises `PreconditionFailed` when it isn't at the `expected` version any more."""
        definition = flag.model_dump(mode="json", by_alias=True)
        with self.transaction() as session:
            first = {"name": name, "definition": definition, "version": 1, "author": author}
            made = session.execute(
                pg_insert(flags).values(first).on_conflict_do_nothing().returning(flags.c.version, flags.c.at)
            ).one_or_none()
            before: dict[str, Any] | None = None
            if made is None:
                old = session.execute(select(flags).where(flags.c.name == name).with_for_update()).one()
                before, version = dict(old.definition), old.version
            else:
                version = 0
            if expected is not None and expected != version:
                raise PreconditionFailed(f"{name} was changed meanwhile")
            if made is None:
                changed = {"definition": definition, "version": version + 1, "author": author}
                made = session.execute(
                    update(flags).where(flags.c.name == name).values(**changed).returning(flags.c.version, flags.c.at)
                ).one()
            self.emit(session, FlagChanged(name=name, flag=definition, revision=made.version), sequence=made.version)
            self.audit(session, "flag.set", ("flag", name), before, definition)
            return flag_state(name, definition, made.version, rfc3339(made.at), author)


def _setting(declared: Declared, row: Row[Any] | None) -> dict[str, Any]:
    if row is None:
        return setting_state(declared, None, 0, None, None)
    return setting_state(declared, row.value, row.version, rfc3339(row.at), row.author)


def _flag(name: str, row: Row[Any] | None) -> dict[str, Any]:
    if row is None:
        return flag_state(name, first_flag(name), 0, None, None)
    return flag_state(name, row.definition, row.version, rfc3339(row.at), row.author)
