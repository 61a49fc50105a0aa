"""Building blocks of every model: strict objects, clean text, money, codes."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from schemas.codes import GivenCurrency

# Shops on private networks and test installations use `.test` and `.local`.
SPECIAL_USE_DOMAIN_NAMES.clear()

T = TypeVar("T")

MAX_AMOUNT = 10**12
"""The largest amount in minor units: sums of larger ones could exceed the exact range of JSON numbers."""


def _not_below_min_price(highest: int, others: ValidationInfo) -> int:
    if highest < (others.data.get("min_price") or 0):
        raise ValueError("must not be below min_price")
    return highest


PriceBound = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
HighestPrice = Annotated[PriceBound, AfterValidator(_not_below_min_price)]
"""Upper bound of a price filter; validated against `min_price`."""


class Schema(BaseModel):
    """The base of resources and replies. Unknown fields are refused, so a misspelt one is never a silent default."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, ser_json_timedelta="float", use_attribute_docstrings=True
    )


WITHOUT_DOCSTRINGS: Final = ConfigDict(use_attribute_docstrings=False)
"""Configuration of generic models: a search for the source of a parametrised one (`Page[Product]`) is slow and vain."""


class Request(Schema):
    """The base of request bodies and commands. Types are strict: `"3"` is not a number and `1` is not true."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """The fields that were set, to build a command from a request's body."""
        return {name: getattr(self, name) for name in self.model_fields_set}


_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LINE_BREAK: Final = re.compile("[\t\n\r\x85\u2028\u2029]")


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    if _SURROGATE.search(text):
        raise ValueError("must be valid Unicode")
    return text


def _one_line(text: str) -> str:
    if _LINE_BREAK.search(text):
        raise ValueError("must be one line")
    return _clean(text)


Clean = AfterValidator(_clean)
"""Refuses NUL and other control characters, which stores and mail don't accept."""
OneLine = AfterValidator(_one_line)


def one_of(message: str) -> WrapValidator:
    """For a union of types: one error at the field itself, where pydantic has one for each type it tried."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(message) from None

    return WrapValidator(check)


def _mail_address(text: str) -> str:
    """Normalise the spelling of a mail address."""
    try:
        checked = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(f"is not a mail address: {error}") from None
    return checked.normalized.lower()


Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    OneLine,
    AfterValidator(_mail_address),
    Field(json_schema_extra={"format": "email"}, examples=["ada@example.com"]),
]
"""A mail address (RFC 5321), in lower case."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), OneLine]
"""One line of text, not empty: a name, a title, a street."""

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), Clean]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000), Clean]

Sku = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-/]*$")]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
IdOrSlug = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9\-]+$")]
"""A product by its id or its slug."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217."""
Quantity = Annotated[int, Field(ge=1, le=10_000)]


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("is not an id: a UUID such as 01a20cb8-960a-7755-ad95-eaadc1b2c481") from None


Id = Annotated[str, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
"""A UUID in its usual form (ours are UUIDv7)."""


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""A point in time, UTC, RFC 3339 in JSON."""


_DATE: Final = re.compile(r"\s*\d{4}-\d\d-\d\d[Tt ]")


def _written(value: Any) -> Any:
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATE.match(value)):
        raise ValueError('must be written out, like "2026-01-31T12:00:00Z"')
    return value


def _utc(moment: datetime) -> datetime:
    """The time in UTC: PostgreSQL takes no offset beyond 16 hours."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


GivenMoment = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_written),
    AfterValidator(_utc),
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
]
"""A time in a request: RFC 3339 with its offset, not a number (seconds or milliseconds would be ambiguous). In UTC."""


class Money(BaseModel):
    """An amount in minor units (cents) of one currency: `{"amount": 1999, "currency": "USD"}` is 19.99 dollars."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    amount: Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
    currency: Currency


class Price(Money):
    """A price: not negative, in an existing currency."""

    currency: GivenCurrency
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class Idempotency(Schema):
    """Idempotency key of a command: the client's key, its owner, and the fingerprint of the request."""

    owner: Annotated[str, StringConstraints(max_length=100)]
    key: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    fingerprint: str


Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_000),
    Field(description="`nextCursor` of the previous page; overrides `page`"),
]
"""An opaque position in a list."""


class Page(Schema, Generic[T]):
    """A page of a list with its total and cursor."""

    model_config = WITHOUT_DOCSTRINGS

    items: list[T]
    page: int
    limit: int
    total: int
    next_cursor: str | None = None


class RebuildProgress(Schema):
    """Progress of a rebuild in batches: call again with `next` as the cursor until it is null."""

    done: int = Field(description="Aggregates rebuilt by this call")
    next: str | None = None


class Address(Schema):
    """A postal address for shipping or billing."""

    name: Line
    line1: Line
    line2: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine] | None = None
    city: Line
    region: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), OneLine] | None = None
    postal_code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20), OneLine]
    country: Country
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40), OneLine] | None = None
