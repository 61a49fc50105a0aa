"""Route of behaviour tracking."""

from flask import Response

from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller, valid_cart_id
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call
from schemas.api.tracking import Tracked, TrackRequest
from schemas.rpc.analytics import AnalyticsRpc

api = Api("events", "Events", "Behaviour tracking: what visitors do, for the figures.", "/events")


@api.post("", reply=Tracked, statuses=(202,), headers=("X-Cart-Id",))
def track_events(body: TrackRequest) -> Response:
    """Track up to 100 events of a session. Each is validated by itself and appears in the figures within seconds.

    With a token the session belongs to the customer. `consent: false`: the events are counted without session and
    identity.
    """
    tracked = call(AnalyticsRpc.track_events, request=body, caller=caller(), cart_id=valid_cart_id())
    return ok(tracked, "Events accepted", 202)
