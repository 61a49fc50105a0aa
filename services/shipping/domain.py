"""What it costs to send a parcel: flat, by weight, free above a total. And the way of a parcel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.chassis.errors import InvalidState


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
    found: Zone | None = None
    for zone in zones:
        if country in zone.countries:
            if zone.regions and region in zone.regions:
                return zone
            if not zone.regions:
                found = zone
        elif not zone.countries and found is None:
            found = zone
    return found


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


def offers(tariffs: Sequence[Tariff], subtotal: int, weight_g: int, currency: str) -> list[tuple[Tariff, int]]:
    """The methods that take such a parcel, with their prices, cheapest first."""
    priced = [
        (tariff, price(tariff, subtotal, weight_g))
        for tariff in tariffs
        if tariff.currency == currency and takes(tariff, weight_g)
    ]
    return sorted(priced, key=lambda offer: (offer[1], offer[0].days_max, offer[0].method))
