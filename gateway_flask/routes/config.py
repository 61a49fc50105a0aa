"""Runtime settings and feature flags. What flags are for somebody is decided here, in this process."""

from flask import Response, request

from gateway_flask.http import etag
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, cart_id, current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import FlagPath, SettingPath
from gateway_flask.rpc.calls import call_by_name as call
from gateway_flask.tracking.exposures import expose
from schemas.api.config import (
    FlagQuery,
    FlagState,
    FlagValues,
    FlagWrite,
    Rollback,
    SettingChange,
    SettingState,
    SettingWrite,
)
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Subject

api = Api("config", "Config", "Settings and feature flags that change while everything runs.", "/config")


@api.get("/flags", reply=FlagValues, who=Who.GUEST)
def get_flags(query: FlagQuery) -> Response:
    """Every flag's value for whoever asks. A guest's rollouts go by `subject`, or by the cart."""
    who = current_request().caller
    key = who.user_id or query.subject or cart_id() or request.remote_addr
    vendor = who.user_id if "VENDOR" in who.roles else None
    subject = Subject(key, who.user_id, frozenset(who.roles), query.country, vendor)
    values = config.all_flags(subject)
    expose(values, subject)
    return ok({"flags": values}, "Flags")


@api.get("/flag-definitions", reply=FlagState, many=True, who=Who.ADMIN)
def list_flags() -> Response:
    """Every flag as it is defined."""
    return ok(call("config", "flags"), "Flags")


@api.get("/flags/<string:name>", reply=FlagState, who=Who.ADMIN)
def get_flag(path: FlagPath) -> Response:
    """A flag as it is defined."""
    flag = call("config", "flag", name=path.name)
    return etag.tagged(ok(flag, "Flag"), flag)


@api.put("/flags/<string:name>", reply=FlagState, who=Who.ADMIN, headers=("If-Match",))
def put_flag(path: FlagPath, body: FlagWrite) -> Response:
    """Make or replace a flag. With `If-Match`: only the version that was read."""
    flag = call(
        "config",
        "set_flag",
        name=path.name,
        flag=body.model_dump(mode="json", by_alias=True),
        expected_version=etag.expected_version(),
        caller=caller().model_dump(),
    )
    return etag.tagged(ok(flag, "Flag saved"), flag)


@api.get("/settings", reply=SettingState, many=True, who=Who.ADMIN)
def list_settings() -> Response:
    """Every setting with its type, limits, meaning and value."""
    return ok(call("config", "settings"), "Settings")


@api.put("/settings/<string:key>", reply=SettingState, who=Who.ADMIN)
def put_setting(path: SettingPath, body: SettingWrite) -> Response:
    """Change a setting, from the version that was read; every process has it within a second."""
    saved = call("config", "set_setting", key=path.key, **body.model_dump(), caller=caller().model_dump())
    return ok(saved, "Setting saved")


@api.get("/settings/<string:key>/history", reply=SettingChange, many=True, who=Who.ADMIN)
def setting_history(path: SettingPath) -> Response:
    """Every change of a setting, with who and why, the newest first."""
    return ok(call("config", "history", key=path.key), "History")


@api.post("/settings/<string:key>/rollback", reply=SettingState, who=Who.ADMIN)
def roll_setting_back(path: SettingPath, body: Rollback) -> Response:
    """Set again what was in force as an earlier version; that makes a new version."""
    saved = call("config", "roll_back", key=path.key, **body.model_dump(), caller=caller().model_dump())
    return ok(saved, "Setting rolled back")
