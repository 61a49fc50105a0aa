"""Runtime settings and feature flags: their changes and their state."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.base import Country, GivenMoment, Moment, OneLine, Request, Schema, one_of
from schemas.caller import Caller
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
    expected_version: int | None = None


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
