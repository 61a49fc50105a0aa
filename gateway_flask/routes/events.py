"""Behaviour tracking: what a visitor's browser tells."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import current_request
from gateway_flask.openapi.endpoints import Api
from gateway_flask.tracking import producer
from schemas.api.tracking import Tracked, TrackRequest

api = Api("events", "Events", "What visitors do, for the figures.", "/events")


@api.post("", reply=Tracked, statuses=(202,), who=Who.GUEST, headers=("X-Cart-Id",))
def track_events(body: TrackRequest) -> Response:
    """Tell what a visitor did, up to a hundred things at once. Each is judged by itself; they are counted in seconds.

    With a token the visit is the customer's. `consent: false`: counted, but nobody's.
    """
    return ok(producer.take(body, current_request().caller.user_id).model_dump(), "Taken", 202)
