"""Runtime settings and feature flags: declarations, changes and state."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from schemas.base import Caller, Country, GivenMoment, Moment, OneLine, Request, Schema, one_of
from schemas.permissions.roles import RoleName

SettingKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", max_length=100)]
FlagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]
Value = Annotated[bool | int | float | str, one_of("must be true, false, a number or a text")]
FlagValue = Annotated[bool | FlagName, one_of("must be true, false or the name of a variant")]
Reason = Annotated[str, Field(min_length=3, max_length=500)]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1)]
_AccountId = Annotated[str, StringConstraints(min_length=1, max_length=100), OneLine]
Percent = Annotated[int, Field(ge=0, le=100)]


class Declared(Schema):
    """The declaration of a setting: type, limits and description. Only declared settings can be set."""

    key: SettingKey
    type: Literal["integer", "number", "text", "boolean"]
    default: Value | None
    """None: the value of the process's environment."""
    minimum: float | None = None
    maximum: float | None = None
    """Minimum of a number, or of a text's length."""
    choices: list[str] | None = None
    description: str
    scope: str
    """The service that uses the setting."""


SETTINGS: Final[dict[str, Declared]] = {
    declared.key: declared
    for declared in (
        Declared(
            key="auth.administrators_need_second_factor",
            type="boolean",
            default=False,
            description="Whether administrators can use their permissions only after setting up a second factor.",
            scope="auth",
        ),
        Declared(
            key="audit.retention_days",
            type="integer",
            default=1_095,
            minimum=0,
            maximum=36_500,
            description="Days after which audit entries are deleted, 90 at least; 0 keeps them for ever.",
            scope="audit",
        ),
        Declared(
            key="analytics.suggestion_sessions",
            type="integer",
            default=5,
            minimum=1,
            maximum=1_000,
            description="How many sessions must have found and opened something by a query, to suggest it.",
            scope="analytics",
        ),
        Declared(
            key="analytics.suggestion_networks",
            type="integer",
            default=3,
            minimum=1,
            maximum=1_000,
            description="How many networks those sessions must have come from.",
            scope="analytics",
        ),
        Declared(
            key="analytics.suggestion_share_percent",
            type="number",
            default=0.05,
            minimum=0,
            maximum=100,
            description="The share of all searches of 30 days that a query needs to be suggested; in percent.",
            scope="analytics",
        ),
        Declared(
            key="search.blocked_suggestions",
            type="text",
            default="",
            minimum=0,
            maximum=5_000,
            description="Words and phrases, comma-separated, that no suggested query may contain.",
            scope="search",
        ),
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
            key="notifications.staff_email",
            type="text",
            default=None,
            minimum=3,
            maximum=254,
            description="Address of the shop's staff, for messages about disputes.",
            scope="notifications",
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
        Declared(
            key="payments.vendor_commission_percent",
            type="number",
            default=0,
            minimum=0,
            maximum=100,
            description="The shop's commission on goods that vendors sell, of payments from now on; in percent.",
            scope="payments",
        ),
        Declared(
            key="webhooks.delivery_days",
            type="integer",
            default=30,
            minimum=1,
            maximum=3_650,
            description="For how many days deliveries of webhooks are kept, with their requests and replies.",
            scope="webhooks",
        ),
    )
}


class Rule(Request):
    """A rule of a flag. All given conditions must match; `from` is inclusive, `to` exclusive."""

    roles: Annotated[list[RoleName], Field(max_length=20)] | None = None
    countries: Annotated[list[Country], Field(max_length=250)] | None = None
    users: Annotated[list[_AccountId], Field(max_length=1_000)] | None = None
    vendors: Annotated[list[_AccountId], Field(max_length=1_000)] | None = None
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
"""Predefined flags, initially enabled, with what they switch off."""
ON: Final = FlagWrite(enabled=True, default=True)


class FlagState(Schema):
    """The definition of a flag. Version 0: unchanged."""

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
    """The values of all flags for the caller."""

    flags: dict[str, bool | str]


class FlagQuery(Schema):
    """The subject of flag evaluation, in addition to the token."""

    subject: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """A stable id of a guest, so that rollouts stay the same."""
    country: Country | None = None


class SettingState(Declared):
    """A declared setting with its value. Version 0: unchanged."""

    value: Value | None
    version: int
    updated_at: Moment | None = None
    updated_by: str | None = None


class SettingWrite(Request):
    """A change of a setting, based on `version`; 409 if it has changed since."""

    value: Value
    version: Revision
    reason: Reason


class Rollback(Request):
    """Restore the value of `version` (0: the default)."""

    version: Revision
    reason: Reason


class SettingChange(Schema):
    """A change of a setting."""

    version: int
    value: Value | None
    author: str | None
    reason: str
    at: Moment


class SetSetting(SettingWrite):
    """The command to change a setting."""

    key: str
    caller: Caller


class RollSettingBack(Rollback):
    """The command to restore an earlier value of a setting."""

    key: str
    caller: Caller


class SetFlag(Schema):
    """The command to create or replace a flag."""

    name: FlagName
    flag: FlagWrite
    expected_version: int | None = None
    caller: Caller


class Snapshot(Schema):
    """All changed settings and flags with their versions, for starting processes."""

    settings: dict[str, tuple[Value | None, int]]
    flags: dict[str, tuple[dict[str, Any], int]]
    roles: tuple[dict[str, list[str]], int] | None = None
    """The changed roles (`schemas.permissions.roles`); None: the presets."""
