"""All queries of rates, shipments and tracking events."""

import time
from typing import Any, Final

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.api.shipping import CreateShipment
from schemas.events.shipping import ShipmentCreated, ShipmentMoved
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import Conflict, NotFound
from services.chassis.messaging.personal_data import as_json
from services.chassis.stores.postgres import PostgresStore, Session
from services.shipping import seed
from services.shipping.domain import Tariff, Zone, check_move
from services.shipping.models import methods, rates, shipments, stations, zones

TARIFF_CACHE_SECONDS: Final = 5.0
"""Seconds for which rates are cached: a checkout reads them twice, people change them twice a year."""


class ShippingStore(PostgresStore):
    """Rates are few and rarely changed; shipments are read by id, number and order."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._kept: tuple[float, list[Tariff]] = (0.0, [])

    def tariffs(self) -> list[Tariff]:
        """All rates with method and zone, at most five seconds old."""
        good_until, tariffs = self._kept
        if time.monotonic() >= good_until:
            tariffs = self.read_tariffs()
            self._kept = (time.monotonic() + TARIFF_CACHE_SECONDS, tariffs)
        return tariffs

    def read_tariffs(self) -> list[Tariff]:
        """All rates with method and zone."""
        query = select(rates, methods.c.name, methods.c.carrier, zones.c.countries, zones.c.regions).join_from(
            rates, methods
        ).join(zones).order_by(rates.c.method, rates.c.zone, rates.c.currency)  # fmt: skip
        with self.reading() as connection:
            return [
                Tariff(
                    method=row.method,
                    name=row.name,
                    carrier=row.carrier,
                    zone=Zone(row.zone, tuple(row.countries), tuple(row.regions)),
                    currency=row.currency,
                    base=row.base,
                    per_kg=row.per_kg,
                    free_above=row.free_above,
                    max_weight_g=row.max_weight_g,
                    days_min=row.days_min,
                    days_max=row.days_max,
                )
                for row in connection.execute(query)
            ]

    def create(self, command: CreateShipment, carrier: str, tracking_number: str) -> dict[str, Any]:
        """Insert a shipment, its first tracking event and its event; once per id.

        Raises `Conflict` when another shipment has the tracking number.
        """
        shipment_id = command.shipment_id
        row = {
            "id": shipment_id,
            "order_id": command.order_id,
            "user_id": command.user_id,
            "vendor_id": command.vendor_id,
            "method": command.method,
            "carrier": carrier,
            "tracking_number": tracking_number,
            "status": "created",
            "items": [line.model_dump() for line in command.items],
            "address": command.address.model_dump() if command.address else None,
        }
        with self.transaction() as session:
            inserted = session.execute(pg_insert(shipments).values(row).on_conflict_do_nothing())
            if inserted.rowcount == 0:  # type: ignore[attr-defined]
                return self._existing(session, command)
            session.execute(insert(stations).values(shipment_id=shipment_id, status="created"))
            self.emit(
                session,
                ShipmentCreated(
                    shipment_id=shipment_id,
                    order_id=command.order_id,
                    carrier=carrier,
                    tracking_number=tracking_number,
                    method=command.method,
                    user_id=command.user_id,
                ),
            )
            audit_fields = {"order_id": command.order_id, "carrier": carrier, "tracking_number": tracking_number}
            self.audit(session, "shipment.create", ("shipment", shipment_id), after=audit_fields)
            return self._to_shipment(session, shipments.c.id == shipment_id)

    def move(self, shipment_id: str, status: str, location: str | None, message: str | None) -> dict[str, Any]:
        """Add a tracking event. Raises `NotFound`, `InvalidState`."""
        with self.transaction() as session:
            row = session.execute(
                select(shipments.c.status, shipments.c.order_id).where(shipments.c.id == shipment_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise NotFound("There is no such shipment")
            check_move(row.status, status)
            station = {"shipment_id": shipment_id, "status": status, "location": location, "message": message}
            session.execute(insert(stations).values(station))
            session.execute(
                update(shipments).where(shipments.c.id == shipment_id).values(status=status, updated_at=func.now())
            )
            self.emit(session, ShipmentMoved(order_id=row.order_id, **station))
            changed = {"status": status, "location": location, "message": message}
            self.audit(session, "shipment.move", ("shipment", shipment_id), {"status": row.status}, changed)
            return self._to_shipment(session, shipments.c.id == shipment_id)

    def read(self, shipment_id: str) -> dict[str, Any]:
        """Read a shipment with its tracking events and owners. Raises `NotFound`."""
        with self.transaction() as session:
            return self._to_shipment(session, shipments.c.id == shipment_id)

    def owners(self, shipment_id: str) -> tuple[str | None, str | None]:
        """The shipment's owners: (user id, vendor id). Raises `NotFound`."""
        query = select(shipments.c.user_id, shipments.c.vendor_id).where(shipments.c.id == shipment_id)
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such shipment")
        return row.user_id, row.vendor_id

    def shipments_of(self, user_id: str) -> list[dict[str, Any]]:
        """An account's shipments with their addresses."""
        names = ("id", "order_id", "carrier", "tracking_number", "status", "items", "address", "created_at")
        query = select(*(shipments.c[name] for name in names)).where(shipments.c.user_id == user_id)
        with self.reading() as connection:
            return [as_json(row._mapping) for row in connection.execute(query.order_by(shipments.c.id))]

    def remove_person(self, user_id: str) -> None:
        """Leave the country of the addresses of an account's shipments. Idempotent."""
        country = func.jsonb_build_object("country", shipments.c.address["country"])
        mine = (shipments.c.user_id == user_id) & shipments.c.address.is_not(None)
        with self.transaction() as session:
            session.execute(update(shipments).where(mine).values(address=country))

    def track(self, number: str) -> dict[str, Any]:
        """The public tracking data by number. Raises `NotFound`."""
        with self.transaction() as session:
            shipment = self._to_shipment(session, shipments.c.tracking_number == number)
        return {key: shipment[key] for key in ("tracking_number", "carrier", "status", "events", "updated_at")}

    def seed(self) -> None:
        """Insert the initial zones, methods and rates; existing ones are unchanged."""
        with self.transaction() as session:
            if session.execute(select(func.count()).select_from(methods)).scalar_one():
                return
            for table, rows in ((zones, seed.ZONES), (methods, seed.METHODS), (rates, seed.RATES)):
                session.execute(pg_insert(table).on_conflict_do_nothing(), rows)

    def _existing(self, session: Session, command: CreateShipment) -> dict[str, Any]:
        """The shipment with this id. Raises `Conflict` when there is none: another one has its tracking number."""
        try:
            return self._to_shipment(session, shipments.c.id == command.shipment_id)
        except NotFound as taken:
            detail = {"field": "tracking_number", "message": "is taken"}
            raise Conflict("Another shipment has this tracking number", [detail]) from taken

    def _to_shipment(self, session: Session, condition: Any) -> dict[str, Any]:
        row = session.execute(select(shipments).where(condition)).one_or_none()
        if row is None:
            raise NotFound("There is no such shipment")
        rows = session.execute(select(stations).where(stations.c.shipment_id == row.id).order_by(stations.c.position))
        return {
            "id": row.id,
            "order_id": row.order_id,
            "method": row.method,
            "carrier": row.carrier,
            "tracking_number": row.tracking_number,
            "status": row.status,
            "items": row.items,
            "events": [
                {
                    "status": station.status,
                    "location": station.location,
                    "message": station.message,
                    "at": rfc3339(station.at),
                }
                for station in rows
            ],
            "created_at": rfc3339(row.created_at),
            "updated_at": rfc3339(row.updated_at),
        }
