"""Slugs, brands and attributes in the form in which they are compared."""

import re
import unicodedata
from collections.abc import Mapping

from services.chassis.common.text import stems

MAX_SLUG = 120


def slugify(text: str) -> str:
    """`Crème brûlée, 4 pieces` → `creme-brulee-4-pieces`; what has no Latin letter or digit in it → `item`."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG].strip("-") or "item"


def slug_with(slug: str, product_id: str) -> str:
    """A slug that nobody else has, for a title that somebody has."""
    tail = product_id.replace("-", "")[-8:]
    return f"{slug[: MAX_SLUG - 9].strip('-')}-{tail}"


def brand_key(brand: str | None) -> str | None:
    """Brands are the same whatever their capitals."""
    return brand.casefold() if brand else None


def title_words(title: str, brand: str | None) -> list[str]:
    """The words that a product is found by without a search engine."""
    return stems(f"{title} {brand or ''}")


def attribute_key(name: str, value: object) -> str:
    """One entry of the index that attribute filters use: `colour=red`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{name}={text.casefold()}"


def attribute_keys(attributes: Mapping[str, object]) -> list[str]:
    """The entries of all attributes; a list has one for each of its values."""
    return [
        attribute_key(name, value)
        for name, values in attributes.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def category_path(path: str) -> list[tuple[str, str]]:
    """Slug and name of each step of `Home/Kitchen/Knives`; one that is a slug already gets a name that reads well."""
    steps = [step.strip() for step in path.split("/") if step.strip()]
    return [(slugify(step), step.replace("-", " ").capitalize() if step == slugify(step) else step) for step in steps]
