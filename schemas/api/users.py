"""Profiles and address books."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.base import Address, Moment, OneLine, Request, Schema
from schemas.caller import Caller
from schemas.codes import GivenCountry, GivenCurrency, TimeZone
from schemas.names import PersonName, RecipientName

Phone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=40, pattern=r"^\+?[0-9 ().\-/]+$"),
    OneLine,
    Field(examples=["+1 555 0100"]),
]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$"), Field(examples=["en", "de-CH"])]
"""ISO 639-1, optionally with a country."""

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), OneLine]


class ProfileRequest(Request):
    """Replace the profile; omitted fields become empty. The mail address is part of the account."""

    first_name: PersonName
    last_name: PersonName
    phone: Phone | None = None
    language: Language | None = None


class UpdateProfile(ProfileRequest):
    """Replace the caller's profile."""

    caller: Caller
    expected_version: int | None = None


class Profile(Schema):
    """The profile of a user."""

    id: str
    email: str
    first_name: str
    last_name: str
    phone: str | None = None
    language: str | None = None
    created_at: Moment
    updated_at: Moment
    version: int
    """Incremented by each change; for `If-Match`."""


class PreferencesRequest(Request):
    """Replace the preferences; null: the shop's default. The language is also the profile's."""

    language: Language | None = None
    currency: GivenCurrency | None = None
    time_zone: TimeZone | None = None
    marketing: bool = False
    """Whether the person wants advertising: never without having said so."""


class UpdatePreferences(PreferencesRequest):
    """Replace the caller's preferences."""

    caller: Caller
    expected_version: int | None = None


class UserPreferences(Schema):
    """The preferences of a user."""

    language: str | None
    currency: str | None
    time_zone: str | None
    marketing: bool
    version: int
    """That of the profile; for `If-Match`."""


class AddressRequest(Address, Request):
    """An entry of the address book. A new default replaces the previous one."""

    name: RecipientName
    country: GivenCountry
    label: Label | None = None
    is_default_shipping: bool = False
    is_default_billing: bool = False


class AddAddress(AddressRequest):
    """Add an address to the caller's address book."""

    caller: Caller


class UpdateAddress(AddressRequest):
    """Replace an address of the caller's address book."""

    caller: Caller
    address_id: str
    expected_version: int | None = None


class AddressEntry(Address):
    """An address of the caller's address book."""

    id: str
    label: str | None = None
    is_default_shipping: bool
    is_default_billing: bool
    created_at: Moment
    updated_at: Moment
    version: int
    """Incremented by each change; for `If-Match`."""
