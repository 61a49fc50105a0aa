"""Query parsing: folded words without stop words, and price limits."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.chassis.common.text import fold, split, stem

MAX_WORDS: Final = 12
_STOP_WORDS: Final = "a an and any at best buy by for from i in me my of on or some the to with"
STOP_WORDS: Final = frozenset(_STOP_WORDS.split(" "))
"""Words that are ignored, unless the query consists of nothing else."""

_AMOUNT: Final = r"[$€£]?\s?(\d{1,9}(?:[.,]\d{1,2})?)\s?(?:\$|€|£|usd|eur|gbp|dollars?|euros?|pounds?|bucks)?"
_BETWEEN: Final = re.compile(rf"\bbetween\s+{_AMOUNT}\s+and\s+{_AMOUNT}(?=\s|$)")
_BELOW: Final = re.compile(
    rf"(?:\b(?:under|below|less than|cheaper than|up to|at most|max(?:imum)?)|<=?)\s*{_AMOUNT}(?=\s|$)"
)
_ABOVE: Final = re.compile(rf"(?:\b(?:over|above|more than|at least|min(?:imum)?|starting at)|>=?)\s*{_AMOUNT}(?=\s|$)")


@dataclass(frozen=True)
class ParsedQuery:
    """A parsed query."""

    text: str
    """The folded text without its price limit."""
    words: tuple[str, ...]
    code: str
    """The whole folded text: it may be a SKU."""
    min_price: int | None = None
    max_price: int | None = None


@lru_cache(maxsize=2_000)
def parse(text: str) -> ParsedQuery:
    """Parse a query: `Phone under 500` → words (phone), max_price 50000 (minor units)."""
    folded = fold(text)
    rest, lowest, highest = _price(folded)
    words = split(rest)
    significant = [word for word in words if word not in STOP_WORDS] or words
    return ParsedQuery(rest.strip(), tuple(significant[:MAX_WORDS]), folded.strip(), lowest, highest)


def key(text: str) -> str:
    """The normal form of a query: its stemmed words."""
    return " ".join(stem(word) for word in parse(text).words)


def allows_typo(word: str) -> bool:
    """Whether typing errors are allowed in a word: not in short words and numbers."""
    return len(word) >= 4 and not any(char.isdigit() for char in word)


def nearly_starts_with(word: str, typed: str) -> bool:
    """Whether a word starts with `typed`, allowing one wrong, extra, missing or transposed letter.

    The first letter must match, and short words and numbers allow no error.
    """
    if word.startswith(typed):
        return True
    if not allows_typo(typed) or word[:1] != typed[:1]:
        return False
    position = next(
        (place for place, (one, other) in enumerate(zip(word, typed, strict=False)) if one != other), len(word)
    )
    swapped = typed[position + 1 : position + 2] + typed[position : position + 1] + typed[position + 2 :]
    return any(word[position:].startswith(rest) for rest in (typed[position + 1 :], swapped)) or any(
        word[position + 1 :].startswith(rest) for rest in (typed[position:], typed[position + 1 :])
    )


def _price(text: str) -> tuple[str, int | None, int | None]:
    lowest = highest = None
    if match := _BETWEEN.search(text):
        lowest, highest = sorted((_minor(match[1]), _minor(match[2])))
        return text.replace(match[0], " ", 1), lowest, highest
    if match := _BELOW.search(text):
        highest, text = _minor(match[1]), text.replace(match[0], " ", 1)
    if match := _ABOVE.search(text):
        lowest, text = _minor(match[1]), text.replace(match[0], " ", 1)
    return text, lowest, highest


def _minor(amount: str) -> int:
    whole, _, part = amount.replace(",", ".").partition(".")
    return int(whole) * 100 + int((part + "00")[:2])
