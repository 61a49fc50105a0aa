"""Query parsing: words, prices, codes; suggestions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.search.domain.categories import build_tree
from services.search.domain.phrases import blocked_words, may_be_suggested
from services.search.domain.query_parsing import allows_typo, key, nearly_starts_with, parse
from services.search.domain.suggestions import popular_queries_like


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Red Dress", ("red", "dress")),
        ("  shoes   for women ", ("shoes", "women")),
        ("men's T-Shirt", ("men", "t", "shirt")),
        ("Nescafé Crème", ("nescafe", "creme")),
        ("J’adore", ("jadore",)),
        ("the", ("the",)),
        ("dolce & gabbana", ("dolce", "gabbana")),
        ("日本", ("日本",)),
        ("!!!", ()),
    ],
)
def test_words_are_folded_without_stop_words(text: str, words: tuple[str, ...]) -> None:
    assert parse(text).words == words


@pytest.mark.parametrize(
    ("text", "words", "lowest", "highest"),
    [
        ("phone under 500", ("phone",), None, 50_000),
        ("laptop below $1,50", ("laptop",), None, 150),
        ("watch over 100 and shoes", ("watch", "shoes"), 10_000, None),
        ("bag between 50 and 20 euros", ("bag",), 2_000, 5_000),
        ("tv < 300", ("tv",), None, 30_000),
        ("galaxy s10", ("galaxy", "s10"), None, None),
        ("under armour shirt", ("under", "armour", "shirt"), None, None),
        ("iphone 13", ("iphone", "13"), None, None),
        ("cheaper than 9.99", (), None, 999),
    ],
)
def test_price_is_parsed_as_filter(text: str, words: tuple[str, ...], lowest: int | None, highest: int | None) -> None:
    query = parse(text)

    assert (query.words, query.min_price, query.max_price) == (words, lowest, highest)


@pytest.mark.parametrize("word", ["tv", "mug", "s10", "z800", "1tb", "a57"])
def test_short_words_and_numbers_allow_no_typo(word: str) -> None:
    assert not allows_typo(word)
    assert allows_typo("sofa")


@pytest.mark.parametrize(
    ("first", "second"),
    [("Red dresses", "red DRESS"), ("batteries", "battery"), ("watches", "a watch"), ("boxes", "box")],
)
def test_equivalent_queries_have_one_key(first: str, second: str) -> None:
    assert key(first) == key(second)


@given(st.text(max_size=200))
def test_any_text_can_be_parsed(text: str) -> None:
    query = parse(text)

    assert len(query.words) <= 12
    assert all(word and not word.isspace() for word in query.words)
    assert parse(" ".join(query.words)).min_price is None or query.words


@pytest.mark.parametrize(
    ("typed", "matches"),
    [
        ("smart", True), ("smrtph", True), ("smaart", True), ("samrtph", True), ("smaxtpho", True),
        ("smartphoness", True),
        ("smrtphn", False), ("phone", False), ("zmart", False), ("smx", False), ("smartphonesxy", False),
    ],
)  # fmt: skip
def test_word_prefix_allows_one_typo(typed: str, matches: bool) -> None:
    assert nearly_starts_with("smartphones", typed) is matches


def test_suggestions_allow_one_typo() -> None:
    names = ("Smartphones", "Mobile accessories", "Phone cases", "Crème & Lotions")
    tree = build_tree({"id": name, "slug": name, "name": name, "parent": None, "children": []} for name in names)

    def suggested(text: str) -> list[str]:
        return [node.name for node in tree.matching(text, 5)]

    assert suggested("phone") == ["Phone cases", "Smartphones"]
    assert suggested("smratpho") == ["Smartphones"]
    assert suggested("acc mob") == ["Mobile accessories"]
    assert suggested("creme") == suggested("crème") == ["Crème & Lotions"]
    assert suggested("art") == suggested("!") == suggested("") == []

    popular = ("red dress", "smartphone", "dress shoes", "café")
    assert popular_queries_like("dre", popular, 5) == ["dress shoes", "red dress"]
    assert popular_queries_like("smratp", popular, 5) == ["smartphone"]
    assert popular_queries_like("CAFE", popular, 5) == ["café"]
    assert popular_queries_like("!", popular, 5) == []


@pytest.mark.parametrize(
    ("phrase", "suggested"),
    [
        ("red dress", True), ("Crème brûlée", True), ("t-shirt 2024", True), ("красное платье", True),
        ("hidden phrase", False), ("HIDDEN  Phrase", False), ("Buy Scunthorpe now", True), ("buy rude-words", False),
        ("visit evil.example", False), ("https://evil.test", False), ("mail me@x", False),
        ("call +49 151 1234567", False), ("a\u202eb", False), ("x" * 61, False),
    ],
)  # fmt: skip
def test_only_plain_phrases_may_be_suggested(phrase: str, suggested: bool) -> None:
    blocked = blocked_words("cunt, Rude words,, ")

    assert may_be_suggested(phrase, {"hidden phrase"}, blocked) is suggested
