"""What it costs to send a parcel: flat, by weight, free above a total. And the way of a parcel."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.chassis.common.errors import InvalidState


@dataclass(frozen=True)
class Zone:
    """Where a rate holds: some countries, or some regions of them. No country: everywhere that no other covers."""

    id: str
    countries: tuple[str, ...]
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tariff:
    """The price of one method in one zone. Amounts in minor units, weights in grams."""

    method: str
    name: str
    carrier: str
    zone: Zone
    currency: str
    base: int
    per_kg: int
    free_above: int | None
    max_weight_g: int | None
    days_min: int
    days_max: int


def price(tariff: Tariff, subtotal: int, weight_g: int) -> int:
    """What the parcel costs: the base and each started kilogram; nothing from `free_above` of goods on."""
    if tariff.free_above is not None and subtotal >= tariff.free_above:
        return 0
    return tariff.base + tariff.per_kg * -(-weight_g // 1000)


def takes(tariff: Tariff, weight_g: int) -> bool:
    """Whether the method carries such a weight at all."""
    return tariff.max_weight_g is None or weight_g <= tariff.max_weight_g


def zone_for(zones: Iterable[Zone], country: str, region: str | None) -> Zone | None:
    """The zone of a place: the one that names its region before the one that names its country before the rest."""

    def closeness(zone: Zone) -> int | None:
        if not zone.countries:
            return 2
        if country not in zone.countries:
            return None
        if not zone.regions:
            return 1
        return 0 if (region or "").casefold() in {name.casefold() for name in zone.regions} else None

    near = [(found, zone.id, zone) for zone in zones if (found := closeness(zone)) is not None]
    return min(near)[2] if near else None


NEXT = {
    "created": {"in_transit", "out_for_delivery", "delivered", "returned", "lost"},
    "in_transit": {"in_transit", "out_for_delivery", "delivered", "returned", "lost"},
    "out_for_delivery": {"in_transit", "out_for_delivery", "delivered", "returned", "lost"},
    "delivered": {"returned"},
}
"""A parcel may be in transit, or out for delivery, many times; what has arrived can only come back."""


def check_move(status: str, to: str) -> None:
    """Raises `InvalidState` for a station that can't follow."""
    if to not in NEXT.get(status, set()):
        raise InvalidState(f"A parcel that is {status} can't become {to}", [{"field": "status", "status": status}])


def offers(
    tariffs: Sequence[Tariff], country: str, region: str | None, subtotal: int, weight_g: int, currency: str
) -> list[tuple[Tariff, int]]:
    """The methods that take such a parcel to such a place, with their prices, cheapest first."""
    zone = zone_for({tariff.zone for tariff in tariffs}, country, region)
    priced = [
        (tariff, price(tariff, subtotal, weight_g))
        for tariff in tariffs
        if tariff.zone == zone and tariff.currency == currency and takes(tariff, weight_g)
    ]
    return sorted(priced, key=lambda offer: (offer[1], offer[0].days_max, offer[0].method))


def destinations(tariffs: Iterable[Tariff]) -> list[str]:
    """The countries that a method goes to; none are named when it goes everywhere."""
    zones = [tariff.zone for tariff in tariffs]
    if not all(zone.countries for zone in zones):
        return []
    return sorted({country for zone in zones for country in zone.countries})


def tracking_number(order_id: str, lines: Iterable[tuple[str, int]]) -> str:
    """A number for a parcel that has none of its carrier: made of what is in it, so that a repetition gets the same."""
    what = "|".join([order_id, *sorted(f"{sku}x{quantity}" for sku, quantity in lines)])
    return "UP" + hashlib.sha256(what.encode()).hexdigest()[:14].upper()
