"""Queries on labels (names of products, categories, vendors, customers) and stock levels."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.analytics.domain.calendar import key
from services.analytics.store.customers import records
from services.analytics.store.datasets import Dataset
from services.analytics.store.people import People

Document = dict[str, Any]


def labels(dataset: Dataset, group: str, keys: list[str]) -> dict[str, str]:
    """Labels by key; a key without a label is its own label."""
    if group == "customer":
        label_by_key = customer_labels(dataset, keys)
    elif group == "vendor":
        label_by_key = People(dataset.db).labels(keys, "name")
    elif group in ("product", "category"):
        rows = dataset["labels"].find({"_id": {"$in": [f"{group}:{each}" for each in keys]}}, {"label": 1})
        label_by_key = {label["_id"].partition(":")[2]: label["label"] for label in rows}
    else:
        label_by_key = {}
    return {each: label_by_key.get(each) or each or "(none)" for each in keys}


def customer_labels(dataset: Dataset, keys: list[str]) -> dict[str, str]:
    """Mail addresses of accounts; pseudonyms of guests."""
    guests = {key: str(row["email"]) for key, row in records(dataset, keys).items() if row.get("email")}
    return guests | People(dataset.db).labels(keys, "email")


def products(dataset: Dataset, ids: Iterable[str] | None = None, vendor: str = "") -> dict[str, Document]:
    """Product labels (title, SKUs, price, vendor) by product id: those with these ids, a vendor's, or all."""
    query: Document = {"_id": {"$gte": "product:", "$lt": "product;"}}
    if ids is not None:
        query = {"_id": {"$in": [f"product:{each}" for each in ids]}}
    if vendor:
        query["vendor"] = vendor
    fields = {"label": 1, "skus": 1, "price": 1, "currency": 1, "vendor": 1}
    return {label["_id"].partition(":")[2]: label for label in dataset["labels"].find(query, fields)}


def on_hand(
    dataset: Dataset, begin: datetime, end: datetime, skus: list[str] | None = None
) -> dict[str, tuple[int, float]]:
    """By SKU: units on hand now, and the mean of the last level of each month of the period."""
    months = (key(dataset.calendar.floor(begin, "month")), key(end))
    query: Document = {} if skus is None else {"sku": {"$in": skus}}
    levels: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for level in dataset["stock_months"].find(query, {"sku": 1, "month": 1, "on_hand": 1, "_id": 0}):
        levels[level["sku"]].append((level["month"], level["on_hand"]))
    levels_by_sku = {}
    for sku, closings in levels.items():
        closings.sort()
        closings_in_period = [number for month, number in closings if months[0] <= month < months[1]] or [
            closings[-1][1]
        ]
        levels_by_sku[sku] = (closings[-1][1], sum(closings_in_period) / len(closings_in_period))
    return levels_by_sku
