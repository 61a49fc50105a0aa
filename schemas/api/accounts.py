"""Administration of accounts: search, status, roles, groups."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Clean, Currency, Cursor, GivenMoment, Id, Line, Moment, PriceBound, Request, Schema, Slug
from schemas.caller import Caller
from schemas.names import PersonName
from schemas.permissions.roles import RoleName

AccountStatus = Literal["active", "disabled", "erased"]
AccountSort = Literal[
    "created_at", "-created_at", "email", "-email", "last_login_at", "-last_login_at", "spent", "-spent"
]


class AccountEntry(Schema):
    """An account as administrators see it."""

    id: str
    email: str
    first_name: str
    last_name: str
    roles: list[str]
    groups: list[str]
    email_verified: bool
    status: AccountStatus
    second_factor: bool
    spent: dict[str, int]
    """Paid less refunded, in minor units by currency."""
    created_at: Moment
    last_login_at: Moment | None
    version: int
    """Incremented by each change of names, roles, status or groups; for `If-Match`."""


class AccountQuery(Schema):
    """Filters of the list of accounts."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Clean] | None = None
    """Beginning of the mail address, the first or the last name."""
    role: RoleName | None = None
    status: AccountStatus | None = None
    group: Slug | None = None
    registered_from: GivenMoment | None = None
    registered_to: GivenMoment | None = None
    min_spent: PriceBound | None = None
    """Minor units of `currency`."""
    currency: Currency = "USD"
    sort: AccountSort = "-created_at"
    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class AccountChange(Request):
    """Changes of an account."""

    first_name: PersonName | None = None
    last_name: PersonName | None = None
    status: Literal["active", "disabled"] | None = None
    """Disabling ends all sessions; the account can't log in, its API keys are refused."""
    groups: Annotated[list[Slug], Field(max_length=50)] | None = None


class UpdateAccount(AccountChange):
    """Change an account."""

    user_id: Id
    caller: Caller
    expected_version: int | None = None


class RolesChange(Request):
    """The roles of an account."""

    roles: Annotated[list[RoleName], Field(min_length=1, max_length=20)]


class SetRoles(RolesChange):
    """Replace the roles of an account; all its sessions end."""

    user_id: Id
    caller: Caller
    expected_version: int | None = None


class GroupWrite(Request):
    """A group of customers."""

    title: Line


class PutGroup(GroupWrite):
    """Create or rename a group."""

    name: Slug
    caller: Caller
    expected_version: int | None = None


class Group(Schema):
    """A group of customers, for prices and promotions."""

    name: str
    title: str
    members: int
    version: int
    """Incremented by each change of the title; for `If-Match`."""
