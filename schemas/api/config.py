"""Runtime settings and feature flags: what is declared, what administrators write, what everybody reads."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from schemas.base import Caller, Country, GivenMoment, Moment, OneLine, Request, Schema, one_of

SettingKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", max_length=100)]
FlagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]
Value = Annotated[bool | int | float | str, one_of("must be true, false, a number or a text")]
FlagValue = Annotated[bool | FlagName, one_of("must be true, false or the name of a variant")]
Reason = Annotated[str, Field(min_length=3, max_length=500)]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Someone = Annotated[str, StringConstraints(min_length=1, max_length=100), OneLine]
Percent = Annotated[int, Field(ge=0, le=100)]


class Declared(Schema):
    """A setting that exists: its type, limits and meaning. What isn't declared can't be set."""

    key: SettingKey
    type: Literal["integer", "number", "text", "boolean"]
    default: Value | None
    """None: what the environment of the process says."""
    minimum: float | None = None
    maximum: float | None = None
    """Of a number; of a text: its length."""
    choices: list[str] | None = None
    description: str
    scope: str
    """Who reads it."""


SETTINGS: Final[dict[str, Declared]] = {
    declared.key: declared
    for declared in (
        Declared(
            key="inventory.low_stock_threshold",
            type="integer",
            default=None,
            minimum=0,
            maximum=1_000_000,
            description="Units at or below which a SKU that has no threshold of its own runs low.",
            scope="inventory",
        ),
        Declared(
            key="inventory.stock_hold_seconds",
            type="integer",
            default=None,
            minimum=60,
            maximum=86_400,
            description="How long stock is held for an order that isn't paid, in seconds.",
            scope="inventory",
        ),
        Declared(
            key="orders.answer_within_seconds",
            type="number",
            default=None,
            minimum=0.5,
            maximum=7,
            description="After how many seconds an order whose outcome is open is answered with 202.",
            scope="orders",
        ),
        Declared(
            key="orders.maximum_units_of_a_line",
            type="integer",
            default=10_000,
            minimum=1,
            maximum=10_000,
            description="How many units of one SKU an order may have.",
            scope="orders",
        ),
    )
}


class Rule(Request):
    """Whom a flag serves something else. Everything that is named must fit; `from` is included, `to` is not."""

    roles: Annotated[list[Literal["CUSTOMER", "VENDOR", "ADMIN"]], Field(max_length=3)] | None = None
    countries: Annotated[list[Country], Field(max_length=250)] | None = None
    users: Annotated[list[_Someone], Field(max_length=1_000)] | None = None
    vendors: Annotated[list[_Someone], Field(max_length=1_000)] | None = None
    from_: GivenMoment | None = Field(None, alias="from")
    to: GivenMoment | None = None
    serve: FlagValue


class FlagWrite(Request):
    """A flag. Disabled: `false`, or `default` where it has variants. Enabled: the first rule that fits; else, for the
    `rollout` percent of subjects (all, when left out), `true` or a variant by weight; for everybody else `default`.
    """

    enabled: bool
    variants: Annotated[dict[FlagName, Annotated[int, Field(ge=0, le=1_000_000)]], Field(max_length=20)] | None = None
    """Weights by name."""
    default: FlagValue
    rules: Annotated[list[Rule], Field(max_length=100)] = Field(default_factory=list)
    rollout: Percent | None = None


KILL_SWITCHES: Final[dict[str, str]] = {
    "reviews": "reading and writing reviews",
    "recommendations": "related products",
    "guest_checkout": "ordering without an account",
    "search_engine": "Elasticsearch; off: search answers from the catalogue's titles",
    "payments.sandbox": "paying through the sandbox",
    "payments.stripe": "paying through Stripe",
}
"""Flags that exist from the start, enabled: what each one switches off."""
ON: Final = FlagWrite(enabled=True, default=True)


class FlagState(Schema):
    """A flag as administrators see it. Version 0: nobody has changed it yet."""

    name: str
    description: str | None
    enabled: bool
    variants: dict[str, int] | None = None
    default: bool | str
    rules: list[dict[str, Any]]
    rollout: int | None = None
    version: int
    updated_at: Moment | None = None
    updated_by: str | None = None


class FlagValues(Schema):
    """What each flag is for whoever asks."""

    flags: dict[str, bool | str]


class FlagQuery(Schema):
    """For whom flags are evaluated, beside what the token says."""

    subject: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """A stable id of a visitor who isn't signed in, so that a rollout stays what it was."""
    country: Country | None = None


class SettingState(Declared):
    """A declared setting with what it is now. Version 0: nobody has changed it yet."""

    value: Value | None
    version: int
    updated_at: Moment | None = None
    updated_by: str | None = None


class SettingWrite(Request):
    """`version`: the one that was read; another one since then is a conflict."""

    value: Value
    version: Revision
    reason: Reason


class Rollback(Request):
    """Set again what was in force as `version` (0: the default)."""

    version: Revision
    reason: Reason


class SettingChange(Schema):
    """One change of a setting's history."""

    version: int
    value: Value | None
    author: str | None
    reason: str
    at: Moment


class SetSetting(SettingWrite):
    """The command behind it."""

    key: str
    caller: Caller


class RollSettingBack(Rollback):
    """The command behind it."""

    key: str
    caller: Caller


class SetFlag(Schema):
    """The command behind a flag's PUT."""

    name: FlagName
    flag: FlagWrite
    expected_version: int | None = None
    caller: Caller


class Snapshot(Schema):
    """Everything that was ever changed, for a process that starts."""

    settings: dict[str, tuple[Value | None, int]]
    flags: dict[str, tuple[dict[str, Any], int]]
