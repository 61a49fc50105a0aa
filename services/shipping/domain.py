"""Rules of shipping prices (flat, by weight, free above a total) and of tracking statuses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.chassis.common.errors import InvalidState

TRACKING_PREFIX: Final = "UP"
TRACKING_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letters that are taken for digits."""
TRACKING_UNITS: Final = 14
"""Random characters of a tracking number: 70 bits, which nobody guesses."""


@dataclass(frozen=True)
class Zone:
    """The area of a rate: countries, or regions of them. No country: all that no other zone covers."""

    id: str
    countries: tuple[str, ...]
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tariff:
    """The price of a method in a zone. Amounts in minor units, weights in grams."""

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
    """The price: the base and each started kilogram; 0 from `free_above` of goods on."""
    if tariff.free_above is not None and subtotal >= tariff.free_above:
        return 0
    return tariff.base + tariff.per_kg * -(-weight_g // 1000)


def takes(tariff: Tariff, weight_g: int) -> bool:
    """Whether the method carries this weight."""
    return tariff.max_weight_g is None or weight_g <= tariff.max_weight_g


def zone_for(zones: Iterable[Zone], country: str, region: str | None) -> Zone | None:
    """The zone of a place: one that names its region, before one that names its country, before the rest."""

    def closeness(zone: Zone) -> int | None:
        if not zone.countries:
            return 2
        if country not in zone.countries:
            return None
        if not zone.regions:
            return 1
        return 0 if (region or "").casefold() in {name.casefold() for name in zone.regions} else None

    near = [(rank, zone.id, zone) for zone in zones if (rank := closeness(zone)) is not None]
    return min(near)[2] if near else None


NEXT_STATUSES = {
    "created": {"in_transit", "out_for_delivery", "delivered", "returned", "lost"},
    "in_transit": {"in_transit", "out_for_delivery", "delivered", "returned", "lost"},
    "out_for_delivery": {"in_transit", "out_for_delivery", "delivered", "returned", "lost"},
    "delivered": {"returned"},
}
"""Allowed transitions: in transit and out for delivery may repeat; a delivered shipment can only be returned."""


def check_move(status: str, new_status: str) -> None:
    """Raises `InvalidState` for a status that can't follow."""
    if new_status not in NEXT_STATUSES.get(status, set()):
        raise InvalidState(
            f"A parcel that is {status} can't become {new_status}", [{"field": "status", "status": status}]
        )


def offers(
    tariffs: Sequence[Tariff], country: str, region: str | None, subtotal: int, weight_g: int, currency: str
) -> list[tuple[Tariff, int]]:
    """The methods that deliver this weight to this place, with prices, cheapest first."""
    zone = zone_for({tariff.zone for tariff in tariffs}, country, region)
    priced = [
        (tariff, price(tariff, subtotal, weight_g))
        for tariff in tariffs
        if tariff.zone == zone and tariff.currency == currency and takes(tariff, weight_g)
    ]
    return sorted(priced, key=lambda offer: (offer[1], offer[0].days_max, offer[0].method))


def destinations(tariffs: Iterable[Tariff]) -> list[str]:
    """The countries that a method delivers to; empty for everywhere."""
    zones = [tariff.zone for tariff in tariffs]
    if not all(zone.countries for zone in zones):
        return []
    return sorted({country for zone in zones for country in zone.countries})


def tracking_number(units: Sequence[int]) -> str:
    """A tracking number for a shipment without a carrier's: random units (0 to 31), and a check character (Luhn mod N,
    ISO/IEC 7812-1), so that a mistyped number is none.
    """
    total = 0
    for position, unit in enumerate(reversed(units)):
        product = unit * (2 if position % 2 == 0 else 1)
        total += product // len(TRACKING_ALPHABET) + product % len(TRACKING_ALPHABET)
    check = -total % len(TRACKING_ALPHABET)
    return TRACKING_PREFIX + "".join(TRACKING_ALPHABET[unit] for unit in (*units, check))
