"""Text normalisation for comparing words without a search engine: folding and light stemming."""

import re
import unicodedata
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_AS_ONE: Final = str.maketrans({"’": "'", "ß": "ss", "ø": "o", "æ": "ae", "đ": "d", "ł": "l"})


def fold(text: str) -> str:
    """Small letters without accents, one kind of apostrophe, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_AS_ONE))
    return " ".join("".join(char for char in decomposed if not unicodedata.combining(char)).split())


def split(folded: str) -> list[str]:
    """The words of a folded text: `men's t-shirt` → men, t, shirt."""
    parts = (part.replace("'s", "").replace("'", "") for part in folded.split())
    return [word for part in parts for word in _WORD.findall(part)]


def stem(word: str) -> str:
    """Light English stemming: dresses → dress, batteries → battery, shoes → shoe; other words stay."""
    if len(word) <= 3 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


def stems(text: str) -> list[str]:
    """The words of a text, each once, in their order."""
    return list(dict.fromkeys(stem(word) for word in split(fold(text))))
