"""The customer's own account: profile, address book, erasure."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call
from schemas.api.privacy import EraseAccount, EraseRequest, Erasure
from schemas.api.users import (
    AddAddress,
    AddressEntry,
    AddressRequest,
    PreferencesRequest,
    Profile,
    ProfileRequest,
    UpdateAddress,
    UpdatePreferences,
    UpdateProfile,
    UserPreferences,
)
from schemas.rpc.auth import AuthRpc
from schemas.rpc.users import UsersRpc

api = Api("users", "Users", "Profile and address book.", "/users")


@api.get("/me", reply=Profile)
def get_profile() -> Response:
    """Get the caller's profile."""
    return etag.versioned(call(UsersRpc.get_profile, caller=caller()), "Profile")


@api.put("/me", reply=Profile, headers=("If-Match",))
def update_profile(body: ProfileRequest) -> Response:
    """Replace the caller's profile."""
    command = UpdateProfile(**body.given(), caller=caller(), expected_version=etag.expected_version())
    return etag.versioned(call(UsersRpc.update_profile, command), "Profile saved")


@api.get("/me/preferences", reply=UserPreferences)
def get_user_preferences() -> Response:
    """Get the caller's language, currency and time zone, and whether advertising is wanted."""
    return etag.versioned(call(UsersRpc.get_preferences, caller=caller()), "Preferences")


@api.put("/me/preferences", reply=UserPreferences, headers=("If-Match",))
def put_user_preferences(body: PreferencesRequest) -> Response:
    """Replace the caller's preferences; fields left out get the shop's default. Mails are in this language."""
    command = UpdatePreferences(**body.given(), caller=caller(), expected_version=etag.expected_version())
    return etag.versioned(call(UsersRpc.update_preferences, command), "Preferences saved")


@api.delete("/me", reply=Erasure, statuses=(202,))
def erase_account(body: EraseRequest) -> Response:
    """Erase the caller's account and personal data. It can't be undone.

    The current password confirms it. An account without a password has signed in by a provider, or given a code of the
    second factor, in the last ten minutes instead: else 401 `UNAUTHENTICATED`. Sessions end at once. Orders and
    payments are kept for the books without the person; orders that have not been shipped are cancelled and refunded,
    since their address is erased.
    """
    command = EraseAccount(**body.given(), caller=caller(), session_id=current_request().session_id)
    return ok(call(AuthRpc.erase_account, command), "Erasure begun", 202)


@api.get("/me/addresses", reply=AddressEntry, many=True)
def list_addresses() -> Response:
    """List the caller's addresses."""
    return ok(call(UsersRpc.list_addresses, caller=caller()), "Addresses")


@api.post("/me/addresses", reply=AddressEntry, statuses=(201,))
def add_address(body: AddressRequest) -> Response:
    """Add an address."""
    command = AddAddress(**body.given(), caller=caller())
    return etag.versioned(call(UsersRpc.add_address, command), "Address added", 201)


@api.get("/me/addresses/<string:id>", reply=AddressEntry)
def get_address(path: IdPath) -> Response:
    """Get an address."""
    return etag.versioned(call(UsersRpc.get_address, address_id=path.id, caller=caller()), "Address")


@api.put("/me/addresses/<string:id>", reply=AddressEntry, headers=("If-Match",))
def update_address(path: IdPath, body: AddressRequest) -> Response:
    """Replace an address."""
    expected = etag.expected_version()
    command = UpdateAddress(**body.given(), address_id=path.id, caller=caller(), expected_version=expected)
    return etag.versioned(call(UsersRpc.update_address, command), "Address saved")


@api.delete("/me/addresses/<string:id>", reply=None, headers=("If-Match",))
def delete_address(path: IdPath) -> Response:
    """Delete an address."""
    expected = etag.expected_version()
    call(UsersRpc.delete_address, address_id=path.id, caller=caller(), expected_version=expected)
    return ok(None, "Address removed")
