"""Behaviour tracking: what a visitor's browser tells."""

from flask import Response

from gateway_flask import tracking
from gateway_flask.api import Api
from gateway_flask.envelope import ok
from gateway_flask.identity import Who
from gateway_flask.visit import visit
from schemas.tracking import Tracked, TrackRequest

api = Api("events", "Events", "What visitors do, for the figures.", "/events")


@api.post("", reply=Tracked, statuses=(202,), who=Who.GUEST, headers=("X-Cart-Id",))
def track_events(body: TrackRequest) -> Response:
    """Tell what a visitor did, up to a hundred things at once. Each is judged by itself; they are counted in seconds.

    With a token the visit is the customer's. `consent: false`: counted, but nobody's.
    """
    return ok(tracking.take(body, visit().caller.user_id).model_dump(), "Taken", 202)
