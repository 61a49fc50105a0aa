"""The parts of the gateway that sockets need, without its routes: authentication, rate limits, calls of services."""

from flask import Flask

from gateway_flask.middleware import api_keys, authentication, rate_limits, reply_store, revocations
from gateway_flask.rpc import calls
from gateway_flask.settings import GatewaySettings


def application(settings: GatewaySettings, client: calls.Client | None = None) -> Flask:
    """An application whose context carries them. Tests bring their own RPC client."""
    app = Flask(__name__)
    calls.install(app, settings.amqp_url, settings.rpc_deadline, client)
    authentication.install(app)
    revocations.install(app)
    rate_limits.install(app, settings)
    app.extensions["api_keys"] = api_keys.ApiKeys()
    app.extensions["settings"] = settings
    app.extensions["redis"] = reply_store.connect(settings.redis_url)
    return app
