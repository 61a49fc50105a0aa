"""All queries of profiles and addresses."""

from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.users import (
    AddressRequest,
    PreferencesRequest,
    ProfileRequest,
    UpdateAddress,
    UpdatePreferences,
    UpdateProfile,
)
from schemas.events.auth import AccountRenamed
from schemas.events.users import AddressBookChanged, ProfileUpdated
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import new_id
from services.chassis.common.versions import check_version
from services.chassis.stores.postgres import PostgresStore, Session
from services.users import erasures, exports
from services.users.domain import check_address_limit
from services.users.erasures import Erasures
from services.users.exports import Exports
from services.users.models import addresses, profiles

_FIELDS = tuple(AddressRequest.model_fields)


class UserStore(PostgresStore):
    """Profiles and addresses; addresses are changed under the profile's row lock, so that there is one default."""

    encrypted_columns = (exports.ENCRYPTED, erasures.ENCRYPTED)

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.exports = Exports(self)
        self.erasures = Erasures(self)

    def delete_expired(self) -> None:
        super().delete_expired()
        self.exports.delete_expired()

    def personal_data(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """The profile and the address book."""
        query = select(profiles).where(profiles.c.id == user_id)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return {
            "profile": [_preferences(row) | _profile(row) for row in rows],
            "addresses": self.list_addresses(user_id),
        }

    def erase(self, user_id: str) -> None:
        """Delete the profile, the address book and exports. Idempotent."""
        with self.transaction() as session:
            self.exports.erase(session, user_id)
            session.execute(delete(addresses).where(addresses.c.user_id == user_id))
            session.execute(delete(profiles).where(profiles.c.id == user_id))

    def create_profile(self, user_id: str, email: str, first_name: str, last_name: str) -> None:
        """Create the profile of an account. Idempotent."""
        row = {"id": user_id, "email": email, "first_name": first_name, "last_name": last_name}
        with self.transaction() as session:
            session.execute(pg_insert(profiles).values(row).on_conflict_do_nothing())

    def profile(self, user_id: str) -> dict[str, Any]:
        """Read a profile. Raises `NotFound`."""
        with self.reading() as connection:
            return _profile(self._row(connection, user_id))

    def update_profile(self, user_id: str, command: UpdateProfile) -> dict[str, Any]:
        """Replace the profile. Raises `NotFound`, `PreconditionFailed`."""
        values = command.model_dump(include=set(ProfileRequest.model_fields))
        with self.transaction() as session:
            # One statement: a profile that appears between two would be read without having been updated.
            replace = update(profiles).where(profiles.c.id == user_id).values(values | _changed(profiles))
            row = _existing_profile(session.execute(replace.returning(profiles)).one_or_none())
            check_version(command.expected_version, row.version - 1)  # undoes the update, whose row is locked
            self.emit(session, _updated(row))
            return _profile(row)

    def preferences(self, user_id: str) -> dict[str, Any]:
        """Read the preferences. Raises `NotFound`."""
        with self.reading() as connection:
            return _preferences(self._row(connection, user_id))

    def update_preferences(self, user_id: str, command: UpdatePreferences) -> dict[str, Any]:
        """Replace the preferences. Raises `NotFound`, `PreconditionFailed`."""
        values = command.model_dump(include=set(PreferencesRequest.model_fields))
        with self.transaction() as session:
            replace = update(profiles).where(profiles.c.id == user_id).values(values | _changed(profiles))
            row = _existing_profile(session.execute(replace.returning(profiles)).one_or_none())
            check_version(command.expected_version, row.version - 1)  # undoes the update, whose row is locked
            self.emit(session, _updated(row))
            return _preferences(row)

    def rename(self, event: AccountRenamed) -> None:
        """Take over the name of an account, unless the profile was changed after it."""
        values = {"first_name": event.first_name, "last_name": event.last_name}
        is_older = (profiles.c.id == event.user_id) & (profiles.c.updated_at < event.meta.time)
        with self.transaction() as session:
            row = session.execute(
                update(profiles).where(is_older).values(values | _changed(profiles)).returning(profiles)
            ).one_or_none()
            if row is not None:
                self.emit(session, _updated(row))

    def list_addresses(self, user_id: str) -> list[dict[str, Any]]:
        """List the address book, oldest entry first."""
        query = select(addresses).where(addresses.c.user_id == user_id).order_by(addresses.c.id)
        with self.reading() as connection:
            return [_address(row) for row in connection.execute(query)]

    def address(self, user_id: str, address_id: str) -> dict[str, Any]:
        """Read an address. Raises `NotFound`."""
        with self.reading() as connection:
            return _address(self._entry(connection, user_id, address_id))

    def add_address(self, user_id: str, entry: AddressRequest) -> dict[str, Any]:
        """Add an address. Raises `NotFound` for an unknown account, `InvalidState` for a full address book."""
        address_id = new_id()
        with self.transaction() as session:
            self._row(session, user_id, lock=True)
            of_user = addresses.c.user_id == user_id
            check_address_limit(
                session.execute(select(func.count()).select_from(addresses).where(of_user)).scalar_one()
            )
            self._unset_previous_default(session, user_id, entry)
            session.execute(insert(addresses).values(id=address_id, user_id=user_id, **_values(entry)))
            self.emit(session, AddressBookChanged(user_id=user_id, address_id=address_id, change="added"))
            return _address(self._entry(session, user_id, address_id))

    def update_address(self, user_id: str, address_id: str, entry: UpdateAddress) -> dict[str, Any]:
        """Replace an address. Raises `NotFound`, `PreconditionFailed`."""
        with self.transaction() as session:
            self._row(session, user_id, lock=True)
            check_version(entry.expected_version, self._entry(session, user_id, address_id).version)
            self._unset_previous_default(session, user_id, entry, address_id)
            values = _values(entry) | _changed(addresses)
            session.execute(update(addresses).where(addresses.c.id == address_id).values(values))
            self.emit(session, AddressBookChanged(user_id=user_id, address_id=address_id, change="changed"))
            return _address(self._entry(session, user_id, address_id))

    def delete_address(self, user_id: str, address_id: str, expected_version: int | None = None) -> None:
        """Delete an address. Raises `NotFound`, `PreconditionFailed`."""
        with self.transaction() as session:
            condition = (addresses.c.id == address_id, addresses.c.user_id == user_id)
            deleted = delete(addresses).where(*condition).returning(addresses.c.version)
            if (version := session.execute(deleted).scalar_one_or_none()) is None:
                raise NotFound("There is no such address")
            check_version(expected_version, version)
            self.emit(session, AddressBookChanged(user_id=user_id, address_id=address_id, change="removed"))

    def _unset_previous_default(
        self, session: Session, user_id: str, entry: AddressRequest, address_id: str | None = None
    ) -> None:
        """Unset the previous default, which is another address than the one that is being changed."""
        of_user = (addresses.c.user_id == user_id) & (addresses.c.id.is_distinct_from(address_id))
        for name in ("is_default_shipping", "is_default_billing"):
            if getattr(entry, name):
                column = addresses.c[name]
                session.execute(update(addresses).where(of_user, column).values({name: False} | _changed(addresses)))

    def _row(self, session: Session | Connection, user_id: str, lock: bool = False) -> Row[Any]:
        query = select(profiles).where(profiles.c.id == user_id)
        return _existing_profile(session.execute(query.with_for_update() if lock else query).one_or_none())

    def _entry(self, session: Session | Connection, user_id: str, address_id: str) -> Row[Any]:
        query = select(addresses).where(addresses.c.id == address_id, addresses.c.user_id == user_id)
        row = session.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such address")
        return row


def _updated(row: Row[Any]) -> ProfileUpdated:
    return ProfileUpdated(
        user_id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        language=row.language,
        phone=row.phone,
        marketing=row.marketing,
    )


def _existing_profile(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise NotFound("There is no such profile")
    return row


def _values(entry: AddressRequest) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _FIELDS}


def _changed(table: Table) -> dict[str, Any]:
    """The values of a row's next version."""
    return {"version": table.c.version + 1, "updated_at": func.now()}


def _timestamps(row: Row[Any]) -> dict[str, str]:
    return {"created_at": rfc3339(row.created_at), "updated_at": rfc3339(row.updated_at)}


def _profile(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "email", "first_name", "last_name", "phone", "language", "version")
    return {name: row._mapping[name] for name in names} | _timestamps(row)


def _preferences(row: Row[Any]) -> dict[str, Any]:
    return {name: row._mapping[name] for name in (*PreferencesRequest.model_fields, "version")}


def _address(row: Row[Any]) -> dict[str, Any]:
    return {name: row._mapping[name] for name in ("id", *_FIELDS, "version")} | _timestamps(row)
