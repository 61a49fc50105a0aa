"""Painless update scripts: versioned merge of a product document's parts, and of a SKU's record."""

from collections.abc import Mapping
from typing import Final

from services.search.domain.documents import Document, Level

MERGE: Final = """
def s = ctx._source;
boolean changed = false;
if (s.levels == null) { s.levels = new HashMap(); }
if (params.product != null && (s.version == null || params.product.version > s.version)) {
  s.putAll(params.product);
  changed = true;
}
for (entry in params.levels.entrySet()) {
  def stored = s.levels.get(entry.getKey());
  def level = entry.getValue();
  boolean announced = stored != null && stored.get(1) == 0 && level.get(1) == 1;
  boolean same = announced && (stored.get(0) > 0) == (level.get(0) > 0);
  if (stored == null || (level.get(1) > stored.get(1) && !same)) {
    s.levels.put(entry.getKey(), level);
    changed = true;
  }
}
if (params.rating != null) {
  def stored = s.rating_sequence == null ? -1L : s.rating_sequence;
  if (params.rating.rating_sequence > stored || (changed && params.rating.rating_sequence == 0 && stored == 0)) {
    s.putAll(params.rating);
    changed = true;
  }
}
if (params.sales != null && (s.sold_at == null || params.sales.sold_at > s.sold_at)) {
  s.putAll(params.sales);
  changed = true;
}
if (!changed) { ctx.op = 'none'; return; }
boolean available = false;
if (s.sku_names != null) {
  for (sku in s.sku_names) {
    def level = s.levels.get(sku);
    if (level != null && level.get(0) > 0) { available = true; }
  }
}
s.in_stock = available;
s.touched_at = params.touched_at;
"""
"""Merges parts whose version is newer than the stored one. Compiled once, since only its parameters differ.

The sequence 0 is of stock that an import has announced: a first count with the same availability changes nothing.
"""

RECORD: Final = """
def s = ctx._source;
if (s.products == null) { s.products = new ArrayList(); }
boolean changed = false;
if (params.level != null && (s.level == null || params.level.get(1) > s.level.get(1))) {
  s.level = params.level;
  changed = true;
}
if (params.product_id != null && !s.products.contains(params.product_id)) {
  s.products.add(params.product_id);
  changed = true;
}
if (!changed) { ctx.op = 'none'; }
"""
"""Merges the record of a SKU: its stock level, and the products that have or had it."""


def merge(
    *,
    touched_at: int,
    product: Document | None = None,
    levels: Mapping[str, Level] | None = None,
    rating: Document | None = None,
    sales: Document | None = None,
) -> Document:
    """The body of an update that merges these parts into a product's document."""
    params = {"product": product, "levels": levels or {}, "rating": rating, "sales": sales, "touched_at": touched_at}
    return _scripted(MERGE, params)


def sku_record(level: Level | None = None, product_id: str | None = None) -> Document:
    """The body of an update of a SKU's record."""
    return _scripted(RECORD, {"level": level, "product_id": product_id})


def _scripted(source: str, params: Document) -> Document:
    script = {"source": source, "lang": "painless", "params": params}
    return {"scripted_upsert": True, "upsert": {}, "script": script}
