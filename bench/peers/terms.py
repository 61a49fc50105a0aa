"""Terms to search for among the bench's thousand products: most titles, a brand, few titles, one title."""

from typing import Final

TERMS: Final = (
    "bench",
    "product",
    "measured",
    *(f"brand {number}" for number in range(0, 25, 3)),
    *(f"product {number}" for number in range(11, 100, 8)),
    *(f"product {number}" for number in range(101, 1000, 37)),
)
