"""The customer's own profile and address book."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import user_id
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call
from schemas.api.users import AddressEntry, AddressRequest, Profile, ProfileRequest

api = Api("users", "Users", "Profile and address book.", "/users")


@api.get("/me", reply=Profile, who=Who.SIGNED_IN)
def get_profile() -> Response:
    """The own profile."""
    return ok(call("users", "get_profile", user_id=user_id()), "Profile")


@api.put("/me", reply=Profile, who=Who.SIGNED_IN)
def update_profile(body: ProfileRequest) -> Response:
    """Replace the own profile."""
    return ok(call("users", "update_profile", user_id=user_id(), **body.model_dump()), "Profile saved")


@api.get("/me/addresses", reply=AddressEntry, many=True, who=Who.SIGNED_IN)
def list_addresses() -> Response:
    """The own address book."""
    return ok(call("users", "list_addresses", user_id=user_id()), "Addresses")


@api.post("/me/addresses", reply=AddressEntry, statuses=(201,), who=Who.SIGNED_IN)
def add_address(body: AddressRequest) -> Response:
    """Add an address."""
    return ok(call("users", "add_address", user_id=user_id(), **body.model_dump()), "Address added", 201)


@api.get("/me/addresses/<string:id>", reply=AddressEntry, who=Who.SIGNED_IN)
def get_address(path: IdPath) -> Response:
    """One address."""
    return ok(call("users", "get_address", user_id=user_id(), address_id=path.id), "Address")


@api.put("/me/addresses/<string:id>", reply=AddressEntry, who=Who.SIGNED_IN)
def update_address(path: IdPath, body: AddressRequest) -> Response:
    """Replace an address."""
    entry = call("users", "update_address", user_id=user_id(), address_id=path.id, **body.model_dump())
    return ok(entry, "Address saved")


@api.delete("/me/addresses/<string:id>", reply=None, who=Who.SIGNED_IN)
def delete_address(path: IdPath) -> Response:
    """Remove an address."""
    call("users", "delete_address", user_id=user_id(), address_id=path.id)
    return ok(None, "Address removed")
