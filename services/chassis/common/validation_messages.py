"""Messages of validation errors, by pydantic's types of errors: each continues the name of its field."""

from collections.abc import Mapping
from typing import Any, Final

MESSAGES: Final[dict[str, str]] = {
    "missing": "is missing",
    "missing_argument": "is missing",
    "extra_forbidden": "is not a known field",
    "invalid_key": "must have keys of text",
    "json_invalid": "must be JSON",
    "json_type": "must be JSON",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dataclass_type": "must be an object",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "iterable_type": "must be a list",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode",
    "string_pattern_mismatch": "must match {pattern}",
    "string_not_ascii": "must have ASCII characters only",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_from_float": "must be an integer",
    "int_parsing_size": "must be an integer of at most 64 bits",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "none_required": "must be null",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must have one of {expected_tags} as {discriminator}",
    "union_tag_not_found": "must have {discriminator}",
    "date_type": "must be a date such as 2026-01-31",
    "date_parsing": "must be a date such as 2026-01-31",
    "date_from_datetime_parsing": "must be a date such as 2026-01-31",
    "date_from_datetime_inexact": "must be a date without a time",
    "datetime_type": "must be a time such as 2026-01-31T12:00:00Z",
    "datetime_parsing": "must be a time such as 2026-01-31T12:00:00Z",
    "datetime_object_invalid": "must be a time such as 2026-01-31T12:00:00Z",
    "datetime_from_date_parsing": "must be a time such as 2026-01-31T12:00:00Z",
    "datetime_past": "must be in the past",
    "datetime_future": "must be in the future",
    "timezone_aware": "must have an offset from UTC, as in 2026-01-31T12:00:00Z",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "url_type": "must be a URL",
    "url_parsing": "must be a URL",
    "url_syntax_violation": "must be a URL",
    "url_too_long": "must be a URL of at most {max_length} characters",
    "url_scheme": "must be a URL with the scheme {expected_schemes}",
}
COUNTS: Final[dict[str, tuple[str, str, str]]] = {
    "string_too_short": ("must have at least", "min_length", "character"),
    "string_too_long": ("must have at most", "max_length", "character"),
    "too_short": ("must have at least", "min_length", "item"),
    "too_long": ("must have at most", "max_length", "item"),
}


def validation_message(error: Mapping[str, Any]) -> str:
    """The message of one of `ValidationError.errors(include_input=False)`. An own `ValueError` has its own text."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in COUNTS:
        text, limit, unit = COUNTS[kind]
        count = context[limit]
        return f"{text} {count} {unit}" + ("" if count == 1 else "s")
    if kind in MESSAGES:
        return MESSAGES[kind].format_map(context)
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be", 1)
