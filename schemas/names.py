"""Names that people give: shown to others and mailed, so they hold nothing that becomes a link."""

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from schemas.base import OneLine

_WEB_ADDRESS: Final = re.compile(r"://|@|www\.|\w{2}\.\w{2}", re.IGNORECASE)
_NAME_MARKS: Final = frozenset(" -'’ʼ.,·")
_RECIPIENT_MARKS: Final = _NAME_MARKS | frozenset("&/()+#:")


def _without_web_address(text: str) -> str:
    """Refuse what mail programs make a link of, and invisible characters that change how a text reads."""
    text = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(char) in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp") for char in text):
        raise ValueError("must not contain control characters")
    if _WEB_ADDRESS.search(text):
        raise ValueError("must not contain a web or mail address")
    return text


def _person_name(text: str) -> str:
    """A name has letters of any script, spaces, hyphens, apostrophes, periods and commas."""
    if any(unicodedata.category(char)[0] not in "LM" and char not in _NAME_MARKS for char in text):
        raise ValueError("must be a name: letters, spaces, hyphens, apostrophes, periods and commas")
    if not any(char.isalpha() for char in text):
        raise ValueError("must be a name, with a letter")
    return text


def _recipient_name(text: str) -> str:
    """A recipient may be a company: digits and some more signs."""
    if any(unicodedata.category(char)[0] not in "LMN" and char not in _RECIPIENT_MARKS for char in text):
        raise ValueError("must be the name of a person or a company")
    return text


MAX_NAME: Final = 60
PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME),
    OneLine,
    AfterValidator(_without_web_address),
    AfterValidator(_person_name),
    Field(examples=["Ada"]),
]
"""A name that a person gives: shown to others and mailed, so it is a name and nothing else. Replies have `str`."""


def is_person_name(text: str) -> bool:
    """Whether a text meets the rules of `PersonName`: older names were taken without them."""
    try:
        _NAMES.validate_python(text)
    except ValidationError:
        return False
    return True


_NAMES: Final = TypeAdapter(PersonName)
RecipientName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2 * MAX_NAME),
    OneLine,
    AfterValidator(_without_web_address),
    AfterValidator(_recipient_name),
    Field(examples=["Ada Lovelace"]),
]
"""The recipient of an address: a person or a company."""
