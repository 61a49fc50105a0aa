"""Step-up: the challenge with which a session is confirmed by a code of its account's second factor."""

from typing import Any

from flask import current_app

from gateway_flask.middleware.request_context import current_request
from schemas.signed.challenges import Challenge
from services.chassis.common import clock


def challenge() -> list[dict[str, Any]]:
    """The details of `TWO_FACTOR_REQUIRED` for the request's session; none where there is nothing to confirm."""
    here = current_request()
    if here.session_id is None or here.caller.user_id is None or here.caller.second_factor != "due":
        return []
    settings = current_app.extensions["settings"]
    signed = Challenge(here.caller.user_id, here.session_id).sign(settings.link_key, clock.now())
    return [{"challenge": signed}]
