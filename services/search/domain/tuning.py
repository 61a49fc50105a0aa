"""Search tuning in the form that queries use: synonyms, pinned and buried products, boosts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.chassis.common.text import fold, stem
from services.search.domain.query_parsing import key

Phrase = tuple[str, ...]

DEFAULT_SYNONYMS = (
    "phone, smartphone, mobile, cellphone, cell phone, mobile phone, handy",
    "laptop, notebook, notebook computer, portable computer, ultrabook, computer",
    "sofa, couch, settee",
    "sneakers, trainers, running shoes, athletic shoes, tennis shoes",
    "perfume, fragrance, eau de parfum, eau de toilette, cologne",
    "motorcycle, motorbike, bike",
    "car, auto, automobile, vehicle",
    "dress, frock, gown",
    "handbag, purse, bag",
    "sunglasses, shades",
    "headphones, earphones, earbuds, headset",
    "t-shirt, tee, tee shirt",
    "television, tv, telly",
    "earrings, ear studs",
    "jewellery, jewelry",
    "soda, soft drink, pop",
    "stove, cooker, hob, cooktop",
    "mens, men, man, male, gents",
    "womens, women, woman, female, ladies, lady",
    "cup, mug",
    "moisturizer, moisturiser, lotion",
    "grey, gray",
    "colour, color",
    "aluminium, aluminum",
    "groceries => groceries",
    "makeup => beauty",
    "make up => beauty",
    "cosmetics => beauty",
    "tablet => tablets",
    "speaker => speakers, smart speaker",
    "power bank => battery pack",
    "ipod => airpods",
)


@dataclass(frozen=True)
class Rules:
    """Compiled tuning. Queries and words are compared by their normal form."""

    synonyms: Mapping[Phrase, tuple[str, ...]] = field(default_factory=dict)
    """Alternative phrases by stemmed words of the query."""
    longest: int = 1
    """Number of words of the longest phrase with synonyms."""
    pinned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buried: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    """Queries that are never suggested, folded."""
    boosts: Mapping[str, float] = field(default_factory=dict)
    margins: Mapping[str, int] = field(default_factory=dict)


def rules(tuning: Mapping[str, Any]) -> Rules:
    """Compile a tuning (`schemas.api.search.Tuning`)."""
    synonyms = expand(tuning["synonyms"])
    return Rules(
        synonyms=synonyms,
        longest=max(map(len, synonyms), default=1),
        pinned=_by_query(tuning["pinned"]),
        buried=_by_query(tuning["buried"]),
        hidden=frozenset(fold(query) for query in tuning.get("hidden_suggestions", ())),
        boosts=tuning["boosts"],
        margins=tuning["margins"],
    )


def expand(lines: Iterable[str]) -> dict[Phrase, tuple[str, ...]]:
    """Expand synonym lines: `couch, sofa` in both directions, `tv => television` from left to right."""
    synonyms: dict[Phrase, dict[str, None]] = {}
    for line in lines:
        left, arrow, right = line.partition("=>")
        sources, targets = _phrases(left), _phrases(right) if arrow else _phrases(left)
        for phrase in sources:
            alternatives = synonyms.setdefault(_stemmed(phrase), {})
            alternatives.update({other: None for other in targets if _stemmed(other) != _stemmed(phrase)})
    return {phrase: tuple(alternatives) for phrase, alternatives in synonyms.items() if phrase and alternatives}


def _phrases(side: str) -> list[str]:
    return [phrase for part in side.split(",") if (phrase := " ".join(_split(part)))]


def _split(part: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in fold(part)).split()


def _stemmed(phrase: str) -> Phrase:
    return tuple(stem(word) for word in phrase.split())


def _by_query(placements: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {key(each["query"]): tuple(each["product_ids"]) for each in placements}
