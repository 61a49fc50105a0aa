"""Localization: message texts and layout texts by language, and facts in the words of a language."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from services.notifications.domain.formatting import country_name, format_amount

HERE: Final = Path(__file__).parent
FALLBACK: Final = "en"


def message_texts(kind: str, locale: str) -> dict[str, Any]:
    """The texts of a kind in a language; falls back from `de-AT` to `de` to English."""
    for candidate in (locale, locale.partition("-")[0], FALLBACK):
        if texts := _read("message_texts", candidate).get(kind):
            return dict(texts)
    raise LookupError(f"no texts for {kind}")


def layout_texts(locale: str) -> tuple[str, dict[str, Any]]:
    """The language used for a locale, and the texts of layouts and pages in it."""
    for candidate in (locale, locale.partition("-")[0]):
        if texts := _read("layout_texts", candidate):
            return candidate, texts
    return FALLBACK, _read("layout_texts", FALLBACK)


def locales() -> list[str]:
    """The locales that have message texts."""
    return sorted(path.stem for path in (HERE / "message_texts").glob("*.json"))


def localize(facts: Mapping[str, Any], language: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Facts in a language: amounts, shipping method, decline reason, country name."""
    localized: dict[str, Any] = {name: _format_amounts(value, language) for name, value in facts.items()}
    if method := facts.get("method"):
        localized["method"] = words["methods"].get(method) or method.replace("_", " ").replace("-", " ").capitalize()
    if (country := facts.get("country")) and "address" in facts:
        localized["address"] = [*facts["address"][:-1], country_name(country, language)]
    if reason := facts.get("reason"):
        localized["reason"] = words["declines"].get(reason) or words["declines"]["generic_decline"]
    return localized


def _format_amounts(value: Any, language: str) -> Any:
    """Format all amounts in a structure as strings."""
    if isinstance(value, list):
        return [_format_amounts(inner, language) for inner in value]
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            return format_amount(value["amount"], value["currency"], language)
        return {name: _format_amounts(inner, language) for name, inner in value.items()}
    return value


@lru_cache(maxsize=16)
def _read(folder: str, locale: str) -> dict[str, Any]:
    path = HERE / folder / f"{locale}.json"
    return dict(orjson.loads(path.read_bytes())) if path.exists() else {}
