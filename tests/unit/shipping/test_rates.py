"""Shipping rates, zones, offers and shipment statuses."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.common.errors import InvalidState
from services.shipping import domain
from services.shipping.domain import NEXT_STATUSES, Tariff, Zone

US, REMOTE = Zone("us", ("US",)), Zone("us-remote", ("US",), ("AK", "Alaska"))
EUROPE, WORLD = Zone("europe", ("DE", "FR")), Zone("world", ())
ZONES = [WORLD, US, REMOTE, EUROPE]
FLAT = Tariff("standard", "Standard", "Post", US, "USD", 499, 0, None, None, 2, 5)
STATUSES = ("created", "in_transit", "out_for_delivery", "delivered", "returned", "lost")


def test_flat_tariff_ignores_weight() -> None:
    assert [domain.price(FLAT, 1, grams) for grams in (0, 1, 99_999)] == [499, 499, 499]


@pytest.mark.parametrize(("grams", "price"), [(0, 499), (1, 649), (1000, 649), (1001, 799), (2500, 949)])
def test_each_started_kilogram_costs(grams: int, price: int) -> None:
    assert domain.price(replace(FLAT, per_kg=150), 100, grams) == price


@pytest.mark.parametrize(("subtotal", "price"), [(9_999, 499), (10_000, 0), (10_001, 0)])
def test_shipping_is_free_from_a_subtotal_on(subtotal: int, price: int) -> None:
    assert domain.price(replace(FLAT, free_above=10_000), subtotal, 5000) == price


@given(st.integers(0, 10**12), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**5))
def test_heavier_parcel_is_never_cheaper(subtotal: int, weight: int, extra_weight: int, per_kg: int) -> None:
    tariff = replace(FLAT, per_kg=per_kg, free_above=10**6)
    assert 0 <= domain.price(tariff, subtotal, weight) <= domain.price(tariff, subtotal, weight + extra_weight)


@pytest.mark.parametrize(
    ("country", "region", "zone"),
    [
        ("US", None, US),
        ("US", "CA", US),
        ("US", "AK", REMOTE),
        ("US", "alaska", REMOTE),
        ("DE", "AK", EUROPE),
        ("JP", None, WORLD),
    ],
)
def test_region_zone_precedes_country_zone_precedes_rest(country: str, region: str | None, zone: Zone) -> None:
    for zones in (ZONES, ZONES[::-1]):
        assert domain.zone_for(zones, country, region) == zone


def test_country_without_zone_has_no_offers() -> None:
    assert domain.zone_for([US, EUROPE], "JP", None) is None
    assert domain.offers([FLAT], "JP", None, 100, 100, "USD") == []


def test_offers_match_zone_and_weight_cheapest_first() -> None:
    express = replace(FLAT, method="express", base=1299, days_max=2)
    light = replace(FLAT, method="letter", base=99, max_weight_g=500)
    euro = replace(FLAT, method="euro", currency="EUR")
    other_zone = replace(FLAT, method="there", zone=EUROPE)
    tariffs = [express, FLAT, light, euro, other_zone]

    def methods(grams: int) -> list[tuple[str, int]]:
        return [(tariff.method, price) for tariff, price in domain.offers(tariffs, "US", None, 100, grams, "USD")]

    assert methods(500) == [("letter", 99), ("standard", 499), ("express", 1299)]
    assert methods(501) == [("standard", 499), ("express", 1299)]


def test_method_for_all_countries_names_none() -> None:
    assert domain.destinations([FLAT, replace(FLAT, zone=EUROPE)]) == ["DE", "FR", "US"]
    assert domain.destinations([FLAT, replace(FLAT, zone=WORLD)]) == []


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES))
def test_delivered_parcel_can_only_be_returned(status: str, to: str) -> None:
    allowed = to in NEXT_STATUSES.get(status, set())
    assert not (allowed and to == "created")
    assert not (allowed and status in ("returned", "lost"))
    assert (status, to) == ("delivered", "returned") or not (allowed and status == "delivered")
    if allowed:
        domain.check_move(status, to)
    else:
        with pytest.raises(InvalidState):
            domain.check_move(status, to)


@given(st.lists(st.integers(0, 31), min_size=14, max_size=14), st.integers(0, 13), st.integers(1, 31))
def test_mistyped_tracking_number_is_none(units: list[int], place: int, difference: int) -> None:
    mistyped = [*units[:place], (units[place] + difference) % 32, *units[place + 1 :]]

    number, other = domain.tracking_number(units), domain.tracking_number(mistyped)

    assert number.startswith("UP")
    assert len(number) == 17
    assert number[-1] != other[-1], "one wrong character changes the check character"
