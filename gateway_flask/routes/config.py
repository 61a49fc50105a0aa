"""Routes of runtime settings and feature flags. Flags are evaluated in the gateway process."""

from flask import Response, request

from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, cart_id, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import FlagPath, SettingPath
from gateway_flask.rpc.calls import call
from gateway_flask.tracking.exposures import record_exposures
from schemas.api.config import (
    FlagQuery,
    FlagState,
    FlagValues,
    FlagWrite,
    Rollback,
    RollSettingBack,
    SetFlag,
    SetSetting,
    SettingChange,
    SettingState,
    SettingWrite,
)
from schemas.permissions.permission import Permission
from schemas.rpc.config import ConfigRpc
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

api = Api("config", "Config", "Runtime settings and feature flags.", "/config")


@api.get("/flags", reply=FlagValues)
def get_flags(query: FlagQuery) -> Response:
    """Evaluate all flags for the caller. Rollouts of guests are keyed by `subject`, else by the cart."""
    viewer = current_request().caller
    key = viewer.user_id or query.subject or cart_id() or request.remote_addr
    vendor = viewer.user_id if viewer.may(Permission.PRODUCTS_WRITE) else None
    subject = Subject(key, viewer.user_id, frozenset(viewer.roles), query.country, vendor)
    values = config.all_flags(subject)
    record_exposures(values, subject)
    return ok({"flags": values}, "Flags")


@api.get("/flag-definitions", reply=FlagState, many=True)
def list_flags() -> Response:
    """List the definitions of all flags."""
    return ok(call(ConfigRpc.flags, caller=caller()), "Flags")


@api.get("/flags/<string:name>", reply=FlagState)
def get_flag(path: FlagPath) -> Response:
    """Get the definition of a flag."""
    flag = call(ConfigRpc.flag, name=path.name, caller=caller()).json
    return etag.tagged(ok(flag, "Flag"), flag)


@api.put("/flags/<string:name>", reply=FlagState, headers=("If-Match",))
def put_flag(path: FlagPath, body: FlagWrite) -> Response:
    """Create or replace a flag; with `If-Match` only the version that was read."""
    command = SetFlag(name=path.name, flag=body, expected_version=etag.expected_version(), caller=caller())
    flag = call(ConfigRpc.set_flag, command).json
    return etag.tagged(ok(flag, "Flag saved"), flag)


@api.get("/settings", reply=SettingState, many=True)
def list_settings() -> Response:
    """List the settings with type, limits, description and value."""
    return ok(call(ConfigRpc.settings, caller=caller()), "Settings")


@api.get("/settings/<string:key>", reply=SettingState)
def get_setting(path: SettingPath) -> Response:
    """Get a setting with type, limits, description and value."""
    return etag.versioned(call(ConfigRpc.setting, key=path.key, caller=caller()), "Setting")


@api.put("/settings/<string:key>", reply=SettingState, headers=("If-Match",))
def put_setting(path: SettingPath, body: SettingWrite) -> Response:
    """Change a setting, based on the version that was read; in force in every process within a second."""
    with etag.based_on(body.version):
        setting = call(ConfigRpc.set_setting, SetSetting(**body.given(), key=path.key, caller=caller()))
    return etag.versioned(setting, "Setting saved")


@api.get("/settings/<string:key>/history", reply=SettingChange, many=True)
def setting_history(path: SettingPath) -> Response:
    """List the changes of a setting with author and reason, the newest first."""
    return ok(call(ConfigRpc.history, key=path.key, caller=caller()), "History")


@api.post("/settings/<string:key>/rollback", reply=SettingState, headers=("If-Match",))
def roll_setting_back(path: SettingPath, body: Rollback) -> Response:
    """Restore an earlier value of a setting as a new version."""
    expected = etag.expected_version()
    command = RollSettingBack(**body.given(), key=path.key, caller=caller(), expected_version=expected)
    return etag.versioned(call(ConfigRpc.roll_back, command), "Setting rolled back")
