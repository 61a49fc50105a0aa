"""Index writer: merges changes into product documents, part by part, unless the stored part is newer.

Stock of a SKU can arrive before its product and vice versa. Both write the SKU's record (index `…_levels`) first; since
its updates are serialized, the second one finds what the first has stored.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.stores.elastic import ElasticError, ElasticStore
from services.search.domain import documents
from services.search.domain.documents import Document, Level
from services.search.engine import scripts
from services.search.store.indexes import Indexes

RETRIES = 20
"""Retries of an update that conflicts with another one of the same document."""
WRITE_SECONDS = 10.0
WRITTEN = (200, 201)
RENAME = "ctx._source.category_text = params.names.get(ctx._source.category_id)"

Updates = Mapping[str, Document]
"""Update bodies by product id."""


class IndexWriter:
    """Batched updates of product documents."""

    def __init__(self, store: ElasticStore, indexes: Indexes) -> None:
        self.store = store
        self.indexes = indexes

    def products(self, snapshots: Iterable[Mapping[str, Any]], gone: Mapping[str, int]) -> None:
        """Index product snapshots; `gone` are archived products with their versions."""
        snapshots_ = list(snapshots)
        levels = self._update_sku_records(
            [(each["sku"], None, shot["id"]) for shot in snapshots_ for each in shot["variants"]]
        )
        now = _now()
        updates = {shot["id"]: _full_update(shot, levels, now) for shot in snapshots_}
        for product_id, version in gone.items():
            updates[product_id] = scripts.merge(touched_at=now, product=documents.tombstone(version))
        self._update(updates)

    def stock(self, changes: Sequence[tuple[str, int, int]]) -> None:
        """Index stock levels (SKU, available, sequence). SKUs without a product only have a record."""
        if not changes:
            return
        records = self._update_sku_records([(sku, [available, sequence], None) for sku, available, sequence in changes])
        by_product: dict[str, dict[str, Level]] = {}
        for sku, record in records.items():
            for product_id in record.get("products", ()):
                by_product.setdefault(product_id, {})[sku] = record["level"]
        now = _now()
        self._update({product: scripts.merge(touched_at=now, levels=levels) for product, levels in by_product.items()})

    def ratings(self, product_id: str, average: float, count: int, sequence: int) -> None:
        """Index the rating of a product."""
        part = documents.rating_part(average, count, sequence)
        self._update({product_id: scripts.merge(touched_at=_now(), rating=part)})

    def sales(self, units: Mapping[str, int], counted_at_ms: int) -> None:
        """Index units sold in 30 days, by product id."""
        now = _now()
        parts = {product: documents.sales_part(sold, counted_at_ms) for product, sold in units.items()}
        self._update({product: scripts.merge(touched_at=now, sales=part) for product, part in parts.items()})

    def rename(self, names: Mapping[str, Sequence[str]]) -> None:
        """Replace the category names, by category id, in all their products."""
        body = {
            "query": {"terms": {"category_id": sorted(names)}},
            "script": {"source": RENAME, "lang": "painless", "params": {"names": names}},
        }
        for name in self.indexes.targets():
            self.indexes.refresh(name)
            for _ in range(RETRIES):
                path = f"/{name}/_update_by_query?conflicts=proceed&refresh=true"
                if not self.store.request("POST", path, body, seconds=60)["version_conflicts"]:
                    break

    # ---- rebuild ------------------------------------------------------------------------------------------------

    def fill(self, name: str, snapshots: Sequence[Mapping[str, Any]]) -> None:
        """Write product snapshots into the index being rebuilt, merged with the live documents' other parts."""
        levels = self._update_sku_records(
            [(each["sku"], None, shot["id"]) for shot in snapshots for each in shot["variants"]]
        )
        now = _now()
        self._update({shot["id"]: _full_update(shot, levels, now) for shot in snapshots}, [name])
        self._copy(name, [shot["id"] for shot in snapshots])

    def catch_up(self, name: str, since_ms: int) -> int:
        """Copy documents that have changed in the live index since then; returns their number."""
        done, after = 0, None
        self.indexes.refresh()
        while True:
            page: Document = {
                "query": {"range": {"touched_at": {"gte": since_ms}}},
                "sort": [{"touched_at": "asc"}, "_doc"],
                "size": 500,
                "_source": False,
            }
            if after is not None:
                page["search_after"] = after
            hits = self.store.request("POST", f"/{self.indexes.live}/_search", page)["hits"]["hits"]
            if not hits:
                return done
            self._copy(name, [hit["_id"] for hit in hits])
            done, after = done + len(hits), hits[-1]["sort"]

    def _copy(self, name: str, product_ids: Sequence[str]) -> None:
        """Merge the live documents of these products into another index, part by part."""
        if not product_ids:
            return
        body = {"ids": list(product_ids)}
        documents_ = self.store.request("POST", f"/{self.indexes.live}/_mget", body, seconds=WRITE_SECONDS)["docs"]
        now = _now()
        self._update(
            {each["_id"]: _as_update(each["_source"], now) for each in documents_ if each.get("found")}, [name]
        )

    # ---- writing ---------------------------------------------------------------------------------------------------

    def _update_sku_records(self, changes: Iterable[tuple[str, Level | None, str | None]]) -> dict[str, Document]:
        """Update the records of SKUs (SKU, level, product id); returns the updated records by SKU."""
        facts = list(changes)
        if not facts:
            return {}
        lines: list[Any] = []
        for sku, level, product_id in facts:
            lines.append({"update": {"_id": sku, "retry_on_conflict": RETRIES}})
            lines.append({**scripts.sku_record(level, product_id), "_source": True})
        items = self.store.bulk(lines, f"/{self.indexes.levels}/_bulk", seconds=WRITE_SECONDS)
        _raise_for(items)
        return {item["_id"]: item["get"]["_source"] for item in items}

    def _update(self, updates: Updates, names: Sequence[str] | None = None) -> None:
        """Apply updates to the named indexes, by default to the live one and the one being rebuilt."""
        if not updates:
            return
        if names is not None:
            _raise_for(self.store.bulk(_lines(names, updates), seconds=WRITE_SECONDS))
            return
        written: set[str] = set()
        # Repeat for a rebuild that has begun meanwhile: it only copies what was indexed before it.
        while pending := set(self.indexes.targets()) - written:
            _raise_for(self.store.bulk(_lines(sorted(pending), updates), seconds=WRITE_SECONDS))
            written |= pending
        if not written:
            raise ServiceUnavailable("The search index does not exist yet")


def _lines(targets: Sequence[str], updates: Updates) -> Iterator[Document]:
    for name in targets:
        for product_id, body in updates.items():
            yield {"update": {"_index": name, "_id": product_id, "retry_on_conflict": RETRIES}}
            yield body


def _full_update(snapshot: Mapping[str, Any], records: Mapping[str, Document], now: int) -> Document:
    levels = documents.levels_of(snapshot)
    for each in snapshot["variants"]:
        level = records.get(each["sku"], {}).get("level")
        if level and level[1] > levels.get(each["sku"], [0, -1])[1]:
            levels[each["sku"]] = level
    rating = snapshot["rating"]
    part = documents.rating_part(rating["average"], rating["count"], snapshot["rating_sequence"])
    return scripts.merge(touched_at=now, product=documents.product_part(snapshot), levels=levels, rating=part)


def _as_update(source: Document, now: int) -> Document:
    """The update that recreates an indexed document."""
    product = {name: source.get(name) for name in (*documents.PRODUCT_FIELDS, "version", "status")}
    rating = {name: source.get(name) for name in ("rating", "rating_count", "rating_sequence", "liked")}
    sales = {name: source.get(name) for name in ("units_30d", "sold", "sold_at")}
    return scripts.merge(
        touched_at=now,
        product=product if source.get("version") is not None else None,
        levels=source.get("levels"),
        rating=rating if rating["rating_sequence"] is not None else None,
        sales=sales if sales["sold_at"] is not None else None,
    )


def _kind(item: Document) -> str:
    return str((item.get("error") or {}).get("type", ""))


def _raise_for(items: Iterable[Document]) -> None:
    for item in items:
        if item["status"] not in WRITTEN:
            # A missing index has been replaced meanwhile: a retry writes to its successor.
            if item["status"] in (404, 409, 429, 503):
                raise ServiceUnavailable(f"The search engine could not write {item['_id']}: {_kind(item)}")
            raise ElasticError(item["status"], {"error": item.get("error")})


def _now() -> int:
    return int(time.time() * 1000)
