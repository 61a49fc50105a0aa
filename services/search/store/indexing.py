"""Writing: each news reaches the part of the document that it is about, unless that part is newer already.

News of a SKU can come before its product, and a product before the news of its SKUs. Both write the SKU's own
document first (`…_levels`), which is one at a time: whoever comes second finds what the first has left there.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.stores.elastic import ElasticError, ElasticStore
from services.search.domain import documents
from services.search.domain.documents import Document, Level
from services.search.store.indexes import Indexes

RETRIES = 20
"""Of an update that meets another one of the same document."""
SECONDS = 10.0
WRITTEN = (200, 201)
RENAME = "ctx._source.category_text = params.names.get(ctx._source.category_id)"

Updates = Mapping[str, Document]
"""Bodies of updates by product id."""


class Indexing:
    """Updates of the products' documents, in batches."""

    def __init__(self, store: ElasticStore, indexes: Indexes) -> None:
        self.store = store
        self.indexes = indexes

    def products(self, snapshots: Iterable[Mapping[str, Any]], gone: Mapping[str, int]) -> None:
        """Index products as the catalogue has them now; `gone` are those that it has no more, with their versions."""
        found = list(snapshots)
        levels = self._record([(each["sku"], None, shot["id"]) for shot in found for each in shot["variants"]])
        now = _now()
        updates = {shot["id"]: _whole(shot, levels, now) for shot in found}
        for product_id, version in gone.items():
            updates[product_id] = documents.merge(touched_at=now, product=documents.tombstone(version))
        self._update(updates)

    def stock(self, news: Sequence[tuple[str, int, int]]) -> None:
        """(SKU, available, sequence) as inventory said them; of a SKU that no product has yet it is kept."""
        if not news:
            return
        known = self._record([(sku, [available, sequence], None) for sku, available, sequence in news])
        by_product: dict[str, dict[str, Level]] = {}
        for sku, record in known.items():
            for product_id in record.get("products", ()):
                by_product.setdefault(product_id, {})[sku] = record["level"]
        now = _now()
        self._update(
            {product: documents.merge(touched_at=now, levels=levels) for product, levels in by_product.items()}
        )

    def ratings(self, product_id: str, average: float, count: int, sequence: int) -> None:
        part = documents.rating_part(average, count, sequence)
        self._update({product_id: documents.merge(touched_at=_now(), rating=part)})

    def sales(self, units: Mapping[str, int], counted_at_ms: int) -> None:
        """Units sold in 30 days, by product."""
        now = _now()
        parts = {product: documents.sales_part(sold, counted_at_ms) for product, sold in units.items()}
        self._update({product: documents.merge(touched_at=now, sales=part) for product, part in parts.items()})

    def rename(self, names: Mapping[str, Sequence[str]]) -> None:
        """The words of these categories, by id, in all their products."""
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

    # ---- a new index beside the living one -----------------------------------------------------------------------

    def fill(self, name: str, snapshots: Sequence[Mapping[str, Any]]) -> None:
        """Write these products into the index that is being filled, with what we know of them beside."""
        levels = self._record([(each["sku"], None, shot["id"]) for shot in snapshots for each in shot["variants"]])
        now = _now()
        self._update({shot["id"]: _whole(shot, levels, now) for shot in snapshots}, [name])
        self._carry(name, [shot["id"] for shot in snapshots])

    def catch_up(self, name: str, since_ms: int) -> int:
        """Bring over what changed in the living index since then; how many products that were."""
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
            self._carry(name, [hit["_id"] for hit in hits])
            done, after = done + len(hits), hits[-1]["sort"]

    def _carry(self, name: str, product_ids: Sequence[str]) -> None:
        """Merge the living documents of these products, part by part, into another index."""
        if not product_ids:
            return
        body = {"ids": list(product_ids)}
        found = self.store.request("POST", f"/{self.indexes.live}/_mget", body, seconds=SECONDS)["docs"]
        now = _now()
        self._update({each["_id"]: _carried(each["_source"], now) for each in found if each.get("found")}, [name])

    # ---- writing ---------------------------------------------------------------------------------------------------

    def _record(self, news: Iterable[tuple[str, Level | None, str | None]]) -> dict[str, Document]:
        """Write what is new of each SKU, and read what is known of it then."""
        facts = list(news)
        if not facts:
            return {}
        lines: list[Any] = []
        for sku, level, product_id in facts:
            lines.append({"update": {"_id": sku, "retry_on_conflict": RETRIES}})
            lines.append({**documents.record(level, product_id), "_source": True})
        items = self.store.bulk(lines, f"/{self.indexes.levels}/_bulk", seconds=SECONDS)
        _raise_for(items)
        return {item["_id"]: item["get"]["_source"] for item in items}

    def _update(self, updates: Updates, names: Sequence[str] | None = None) -> None:
        """Into the living index and the one that is being filled, unless told which."""
        if not updates:
            return
        if names is not None:
            _raise_for(self.store.bulk(_lines(names, updates), seconds=SECONDS))
            return
        written: set[str] = set()
        # Again for an index that has begun to be filled meanwhile: a rebuild copies only what was there before it.
        while missed := set(self.indexes.targets()) - written:
            _raise_for(self.store.bulk(_lines(sorted(missed), updates), seconds=SECONDS))
            written |= missed
        if not written:
            raise ServiceUnavailable("There is no index yet")


def _lines(targets: Sequence[str], updates: Updates) -> Iterator[Document]:
    for name in targets:
        for product_id, body in updates.items():
            yield {"update": {"_index": name, "_id": product_id, "retry_on_conflict": RETRIES}}
            yield body


def _whole(snapshot: Mapping[str, Any], known: Mapping[str, Document], now: int) -> Document:
    levels = documents.levels_of(snapshot)
    for each in snapshot["variants"]:
        level = known.get(each["sku"], {}).get("level")
        if level and level[1] > levels.get(each["sku"], [0, -1])[1]:
            levels[each["sku"]] = level
    rating = snapshot["rating"]
    part = documents.rating_part(rating["average"], rating["count"], snapshot["rating_sequence"])
    return documents.merge(touched_at=now, product=documents.product_part(snapshot), levels=levels, rating=part)


def _carried(source: Document, now: int) -> Document:
    """An indexed document as the update that would make it."""
    product = {name: source.get(name) for name in (*documents.EMPTY, "version", "status")}
    rating = {name: source.get(name) for name in ("rating", "rating_count", "rating_sequence", "liked")}
    sales = {name: source.get(name) for name in ("units_30d", "sold", "sold_at")}
    return documents.merge(
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
            # An index that isn't there was replaced meanwhile: whoever tries again finds its successor.
            if item["status"] in (404, 409, 429, 503):
                raise ServiceUnavailable(f"The search engine could not write {item['_id']}: {_kind(item)}")
            raise ElasticError(item["status"], {"error": item.get("error")})


def _now() -> int:
    return int(time.time() * 1000)
