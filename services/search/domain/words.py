"""What somebody typed, as words that can be looked for: folded, without the small ones, the price taken out."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.chassis.common.text import fold, split, stem

MAX_WORDS: Final = 12
_SMALL: Final = "a an and any at best buy by for from i in me my of on or some the to with"
SMALL: Final = frozenset(_SMALL.split(" "))
"""They say nothing of a product; a query of nothing else keeps them."""

_AMOUNT: Final = r"[$€£]?\s?(\d{1,9}(?:[.,]\d{1,2})?)\s?(?:\$|€|£|usd|eur|gbp|dollars?|euros?|pounds?|bucks)?"
_BETWEEN: Final = re.compile(rf"\bbetween\s+{_AMOUNT}\s+and\s+{_AMOUNT}(?=\s|$)")
_BELOW: Final = re.compile(
    rf"(?:\b(?:under|below|less than|cheaper than|up to|at most|max(?:imum)?)|<=?)\s*{_AMOUNT}(?=\s|$)"
)
_ABOVE: Final = re.compile(rf"(?:\b(?:over|above|more than|at least|min(?:imum)?|starting at)|>=?)\s*{_AMOUNT}(?=\s|$)")


@dataclass(frozen=True)
class Asked:
    """A query, read."""

    text: str
    """As it was written, without its price."""
    words: tuple[str, ...]
    code: str
    """All of it as one word: it may be a SKU."""
    min_price: int | None = None
    max_price: int | None = None


@lru_cache(maxsize=2_000)
def read(text: str) -> Asked:
    """`Phone under 500` → phone, at most 50000. Amounts are in whole units of the shop's currency."""
    folded = fold(text)
    rest, lowest, highest = _price(folded)
    words = split(rest)
    telling = [word for word in words if word not in SMALL] or words
    return Asked(rest.strip(), tuple(telling[:MAX_WORDS]), folded.strip(), lowest, highest)


def key(text: str) -> str:
    """What two ways of writing the same query have in common."""
    return " ".join(stem(word) for word in read(text).words)


def may_be_misspelt(word: str) -> bool:
    """Short words and numbers are taken as they are: one letter more would make another of them."""
    return len(word) >= 4 and not any(char.isdigit() for char in word)


def nearly_begins(word: str, typed: str) -> bool:
    """Whether a word begins as typed but for one letter: wrong, too many, missing, or swapped with its neighbour.

    As elsewhere the first letter is right, and short words and numbers have no errors.
    """
    if word.startswith(typed):
        return True
    if not may_be_misspelt(typed) or word[:1] != typed[:1]:
        return False
    at = next((place for place, (one, other) in enumerate(zip(word, typed, strict=False)) if one != other), len(word))
    swapped = typed[at + 1 : at + 2] + typed[at : at + 1] + typed[at + 2 :]
    return any(word[at:].startswith(rest) for rest in (typed[at + 1 :], swapped)) or any(
        word[at + 1 :].startswith(rest) for rest in (typed[at:], typed[at + 1 :])
    )


def _price(text: str) -> tuple[str, int | None, int | None]:
    lowest = highest = None
    if found := _BETWEEN.search(text):
        lowest, highest = sorted((_minor(found[1]), _minor(found[2])))
        return text.replace(found[0], " ", 1), lowest, highest
    if found := _BELOW.search(text):
        highest, text = _minor(found[1]), text.replace(found[0], " ", 1)
    if found := _ABOVE.search(text):
        lowest, text = _minor(found[1]), text.replace(found[0], " ", 1)
    return text, lowest, highest


def _minor(amount: str) -> int:
    whole, _, part = amount.replace(",", ".").partition(".")
    return int(whole) * 100 + int((part + "00")[:2])
