"""The rules of an address book."""

from typing import Final

from services.chassis.common.errors import InvalidState

MAX_ADDRESSES: Final = 50


def check_room(count: int) -> None:
    """Raises `InvalidState` when the book is full."""
    if count >= MAX_ADDRESSES:
        raise InvalidState(
            f"An address book holds {MAX_ADDRESSES} addresses", [{"field": "addresses", "message": "is full"}]
        )
