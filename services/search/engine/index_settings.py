"""Index settings: analyzers, mappings and similarity of the product index.

`names` and `joined` contain every short text of a product: `names` as written, for fuzzy matching; `joined` with each
pair of adjacent words as one word, so that "lap top" matches laptop and "sunglasses" sun glasses. Compatible with
Elasticsearch 7.17 and 8, without plugins.
"""

from typing import Any, Final

IRREGULAR: Final = [
    *("men, mens => man", "women, womens => woman", "children, childrens => child", "people => person"),
    *("knives => knife", "shelves => shelf", "wolves => wolf", "loaves => loaf", "leaves => leaf", "scarves => scarf"),
    *("mice => mouse", "feet => foot", "teeth => tooth", "geese => goose", "potatoes => potato", "dice => die"),
]
"""Irregular forms that stemmers do not handle."""

ANALYSIS: Final[dict[str, Any]] = {
    "filter": {
        # iPhone13 → iphone13, iphone, 13; Wi-Fi → wi-fi, wi, fi, wifi
        "parts": {
            "type": "word_delimiter_graph",
            "preserve_original": True,
            "catenate_all": True,
            "split_on_case_change": False,  # otherwise iPhone, and iPhone chargers, would match "phone"
            "stem_english_possessive": True,
        },
        "pairs": {"type": "shingle", "min_shingle_size": 2, "max_shingle_size": 2, "token_separator": ""},
        "stem": {"type": "stemmer", "language": "porter2"},
        "irregular": {"type": "stemmer_override", "rules": IRREGULAR},
        "possessive": {"type": "stemmer", "language": "possessive_english"},
        "beginnings": {"type": "edge_ngram", "min_gram": 1, "max_gram": 15},
        "no_marks": {"type": "pattern_replace", "pattern": "[^\\p{L}\\p{N}]", "replacement": ""},
        "not_empty": {"type": "length", "min": 1},
    },
    "analyzer": {
        "text": {
            "tokenizer": "whitespace",
            "filter": ["parts", "flatten_graph", "lowercase", "asciifolding", "irregular", "stem"],
        },
        "plain": {
            "tokenizer": "whitespace",
            "filter": [
                "parts",
                "flatten_graph",
                "lowercase",
                "asciifolding",
                "keyword_repeat",
                "stem",
                "remove_duplicates",
            ],
        },
        "word": {"tokenizer": "whitespace", "filter": ["lowercase", "asciifolding", "irregular", "stem"]},
        "plain_word": {"tokenizer": "whitespace", "filter": ["lowercase", "asciifolding"]},
        "joined": {
            "tokenizer": "standard",
            "filter": [
                "lowercase",
                "asciifolding",
                "possessive",
                "no_marks",
                "not_empty",
                "pairs",
                "irregular",
                "stem",
            ],
        },
        "spelling": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "possessive"]},
        "beginnings": {
            "tokenizer": "whitespace",
            "filter": ["parts", "flatten_graph", "lowercase", "asciifolding", "beginnings"],
        },
    },
    "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
}

_KEY: Final = {"type": "keyword", "ignore_above": 512}
_FOLDED: Final = {"type": "keyword", "ignore_above": 512, "normalizer": "folded"}
_NOT_INDEXED: Final = {"type": "object", "enabled": False}
_TEXT: Final = {"type": "text", "analyzer": "text", "search_analyzer": "word"}
_WITH_OFFSETS: Final = {"index_options": "offsets"}
"""Store word offsets, so that highlighting need not analyze the text again."""
_NAME: Final = {**_TEXT, "copy_to": ["names", "joined", "spelling"]}
_BOOLEAN_NAME: Final = {**_NAME, "similarity": "boolean"}

MAPPINGS: Final[dict[str, Any]] = {
    "dynamic": False,
    "properties": {
        # searched
        "title": {
            **_NAME,
            **_WITH_OFFSETS,
            "similarity": "titles",
            "fields": {
                "exact": _FOLDED,
                "beginnings": {"type": "text", "analyzer": "beginnings", "search_analyzer": "plain_word"},
            },
        },
        "brand": {**_BOOLEAN_NAME, "fields": {"exact": _KEY, "folded": _FOLDED}},
        "category_text": _BOOLEAN_NAME,
        "tags": _BOOLEAN_NAME,
        "options": _BOOLEAN_NAME,
        "attr_text": _TEXT,
        "description": {**_TEXT, **_WITH_OFFSETS},
        "skus": _FOLDED,
        "names": {"type": "text", "analyzer": "plain", "search_analyzer": "plain_word", "norms": False},
        "joined": {"type": "text", "analyzer": "joined", "search_analyzer": "word", "norms": False},
        "spelling": {"type": "text", "analyzer": "spelling", "norms": False},
        # filtered, aggregated and sorted
        "status": _KEY,
        "category_id": _KEY,
        "vendor_id": _KEY,
        "attr_keys": _KEY,
        "attrs": _KEY,
        "price": {"type": "long"},
        "created_at": {"type": "date"},
        "in_stock": {"type": "boolean"},
        "rating": {"type": "double"},
        "rating_count": {"type": "integer"},
        "liked": {"type": "double"},
        "sold": {"type": "double"},
        "touched_at": {"type": "long"},
        # returned, and versions of the parts
        "card": _NOT_INDEXED,
        "levels": _NOT_INDEXED,
    },
}

PRODUCTS: Final[dict[str, Any]] = {
    "settings": {
        "index": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "refresh_interval": "500ms",
            "max_result_window": 10_000,
            # long titles score only slightly lower than short ones
            "similarity": {"titles": {"type": "BM25", "b": 0.3, "k1": 0.4}},
        },
        "analysis": ANALYSIS,
    },
    "mappings": MAPPINGS,
}

LEVELS: Final[dict[str, Any]] = {
    "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "30s"}},
    "mappings": {"dynamic": False, "properties": {}},
}
"""Settings of the index of SKU records, which are read by id only."""

REFERENCE_DATA: Final = LEVELS
"""Settings of the index of reference data (one document each, read by id)."""
