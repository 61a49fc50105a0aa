"""Suggestions of popular queries."""

from services.chassis.common.text import fold, split
from services.search.domain.query_parsing import nearly_starts_with


def popular_queries_like(text: str, popular: tuple[str, ...], limit: int) -> list[str]:
    """Popular queries that start with `text`, contain a word that does, or one that does with one typing error."""
    prefix, typed = fold(text), split(fold(text))
    if not typed:
        return []
    folded = [(query, fold(query)) for query in popular]
    by_prefix = [query for query, words in folded if words.startswith(prefix)]
    by_word = [query for query, words in folded if f" {prefix}" in words]
    by_similar_word = [
        query
        for query, words in folded
        if all(any(nearly_starts_with(word, part) for word in split(words)) for part in typed)
    ]
    return list(dict.fromkeys([*by_prefix, *by_word, *by_similar_word]))[:limit]
