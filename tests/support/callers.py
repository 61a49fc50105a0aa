"""Callers of RPC methods, as they go over the wire."""

from typing import Any


def customer(user_id: str) -> dict[str, Any]:
    """A signed-in customer."""
    return {"user_id": user_id, "roles": ["CUSTOMER"]}
