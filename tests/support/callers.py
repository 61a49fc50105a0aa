"""Callers of RPC methods in their wire format."""

from typing import Any


def customer(user_id: str) -> dict[str, Any]:
    """A signed-in customer."""
    return {"user_id": user_id, "roles": ["CUSTOMER"]}
