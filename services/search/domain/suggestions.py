"""Suggestions of popular queries."""

from functools import lru_cache

from services.chassis.common.text import fold, split
from services.search.domain.query_parsing import nearly_starts_with


@lru_cache(maxsize=2)
def _folded(popular: tuple[str, ...]) -> list[tuple[str, str, list[str]]]:
    """Each query, folded, and its words; the popular queries change once in a while."""
    return [(query, folded := fold(query), split(folded)) for query in popular]


def popular_queries_like(text: str, popular: tuple[str, ...], limit: int) -> list[str]:
    """Popular queries that start with `text`, contain a word that does, or one that does with one typing error."""
    prefix, typed = fold(text), split(fold(text))
    if not typed:
        return []
    folded = _folded(popular)
    by_prefix = [query for query, text, _ in folded if text.startswith(prefix)]
    by_word = [query for query, text, _ in folded if f" {prefix}" in text]
    by_similar_word = [
        query
        for query, _, words in folded
        if all(any(nearly_starts_with(word, part) for word in words) for part in typed)
    ]
    return list(dict.fromkeys([*by_prefix, *by_word, *by_similar_word]))[:limit]
