"""Which queries of other visitors may be suggested."""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from services.chassis.common.text import fold, split

MAX_PHRASE: Final = 60
_CONTACT: Final = re.compile(
    r"[@/\\:<>]|www\.|\.(?:com|net|org|info|biz|io|shop|store|ru|cn|xyz|example)\b|\d[\d\s().+-]{6,}\d", re.IGNORECASE
)
"""Addresses, links and telephone numbers."""


def blocked_words(setting: str) -> frozenset[str]:
    """The words and phrases of the setting `search.blocked_suggestions`, folded."""
    return frozenset(word for part in setting.split(",") if (word := fold(part)))


@lru_cache(maxsize=2)
def suggestible(popular: tuple[str, ...], hidden: frozenset[str], setting: str) -> tuple[str, ...]:
    """The popular queries that may be suggested; `setting` is `search.blocked_suggestions`."""
    blocked = blocked_words(setting)
    return tuple(phrase for phrase in popular if may_be_suggested(phrase, hidden, blocked))


def may_be_suggested(phrase: str, hidden: Collection[str], blocked: Collection[str]) -> bool:
    """Whether a query may be suggested: short words of a language, neither hidden by a person nor blocked.

    `hidden`: folded phrases; `blocked`: folded words and phrases that no suggestion may contain.
    """
    if (
        len(phrase) > MAX_PHRASE
        or _CONTACT.search(phrase)
        or any(unicodedata.category(char)[0] == "C" for char in phrase)
    ):
        return False
    folded = fold(phrase)
    words = f" {' '.join(split(folded))} "
    return folded not in hidden and not any(f" {' '.join(split(word))} " in words for word in blocked)
