"""Initial rates of a new shop: four zones, three methods, prices in US dollars."""

from typing import Any

EU = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
"""https://european-union.europa.eu/principles-countries-history/eu-countries_en"""

ZONES = [
    {"id": "domestic", "name": "United States", "countries": ["US"], "regions": []},
    {"id": "us-remote", "name": "Alaska and Hawaii", "countries": ["US"], "regions": ["AK", "HI", "Alaska", "Hawaii"]},
    {"id": "europe", "name": "European Union, UK, Switzerland, Norway", "countries": [*EU, "GB", "CH", "NO"],
     "regions": []},
    {"id": "world", "name": "Rest of the world", "countries": [], "regions": []},
]  # fmt: skip

METHODS = [
    {"code": "standard", "name": "Standard delivery", "carrier": "UltraPost"},
    {"code": "express", "name": "Express delivery", "carrier": "UltraExpress"},
    {"code": "freight", "name": "Freight, for heavy goods", "carrier": "UltraFreight"},
]


def _rate(
    method: str,
    zone: str,
    base: int,
    per_kg: int,
    free_above: int | None,
    max_weight_g: int | None,
    days: tuple[int, int],
) -> dict[str, Any]:
    return {
        "method": method,
        "zone": zone,
        "currency": "USD",
        "base": base,
        "per_kg": per_kg,
        "free_above": free_above,
        "max_weight_g": max_weight_g,
        "days_min": days[0],
        "days_max": days[1],
    }


RATES = [
    _rate("standard", "domestic", 499, 0, 10_000, 30_000, (2, 5)),
    _rate("express", "domestic", 1299, 150, None, 30_000, (1, 2)),
    _rate("freight", "domestic", 4900, 60, None, None, (4, 9)),
    _rate("standard", "us-remote", 1499, 200, None, 30_000, (5, 10)),
    _rate("standard", "europe", 1299, 250, 20_000, 30_000, (4, 8)),
    _rate("express", "europe", 2999, 600, None, 30_000, (2, 3)),
    _rate("freight", "europe", 14_900, 150, None, None, (8, 20)),
    _rate("standard", "world", 2499, 500, None, 20_000, (7, 21)),
    _rate("express", "world", 4999, 1200, None, 20_000, (3, 6)),
    _rate("freight", "world", 29_900, 250, None, None, (14, 40)),
]
