"""Identifiers that replies have shown: path parameters and fields of later requests are filled with them."""

import random
import re
from collections import defaultdict
from typing import Any

IDENTIFIERS = ("id", "slug", "sku", "code", "name", "kind", "key", "tracking_number")
FIELDS = {
    "sku": "skus",
    "product_id": "products",
    "order_id": "orders",
    "file_id": "files",
    "category_id": "categories",
}
"""Fields of bodies that name something, and the collection it is in."""
SAME = {"number": "tracking_number", "file_id": "id", "delivery_id": "id"}
"""Path parameters whose field in replies has another name."""


class Pool:
    """Identifiers by collection (`orders`) and field; which of them this run created is kept apart."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.created: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self.listed: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def harvest(self, path: str, method: str, data: Any) -> None:
        """Keep the identifiers in the data of a successful reply."""
        rows = data if isinstance(data, list) else [data]
        parts = [part for part in path.split("/") if not part.startswith("{")]
        if not parts or (path.endswith("}") and method == "GET"):
            return
        target = self.created if method in ("POST", "PUT") else self.listed
        for row in [row for row in rows if isinstance(row, dict)]:
            for name in IDENTIFIERS:
                if isinstance(row.get(name), str):
                    target[parts[-1], name].append(row[name])
            for variant in row.get("variants") or []:
                if isinstance(variant, dict) and "sku" in variant:
                    target["skus", "sku"].append(variant["sku"])
            if isinstance(row.get("payment"), dict) and row["payment"].get("id"):
                target["payments", "id"].append(row["payment"]["id"])
            if isinstance(row.get("user"), dict):
                target["users", "id"].append(row["user"]["id"])

    def pick(self, collection: str, name: str, *, changes: bool) -> str | None:
        """An identifier. A request that changes something gets only what this run created."""
        values = self.created[collection, name]
        if not changes and not values:
            values = self.listed[collection, name]
        return self.chance.choice(values[-20:]) if values else None

    def fill_path(self, path: str, parameters: dict[str, Any], *, changes: bool) -> None:
        """Replace path parameters by identifiers of the collection that stands before them in the path."""
        for collection, name in re.findall(r"([\w-]+)/\{(\w+)\}", path):
            kept = "skus" if name == "sku" else collection
            value = self.pick(kept, SAME.get(name, name), changes=changes)
            if value is not None:
                parameters[name] = value

    def fill_body(self, body: Any) -> None:
        """Replace fields that name something, at any depth."""
        if isinstance(body, list):
            for entry in body:
                self.fill_body(entry)
        elif isinstance(body, dict):
            for name, value in body.items():
                if name in FIELDS and isinstance(value, str):
                    body[name] = self.pick(FIELDS[name], "sku" if name == "sku" else "id", changes=False) or value
                else:
                    self.fill_body(value)
