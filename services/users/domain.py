"""Rules of an address book."""

from typing import Final

from services.chassis.common.errors import InvalidState

MAX_ADDRESSES: Final = 50


def check_address_limit(count: int) -> None:
    """Raises `InvalidState` for a full address book."""
    if count >= MAX_ADDRESSES:
        raise InvalidState(
            f"An address book holds {MAX_ADDRESSES} addresses", [{"field": "addresses", "message": "is full"}]
        )
