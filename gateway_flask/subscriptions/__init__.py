"""GraphQL subscriptions over WebSocket, in a process of their own: `python -m gateway_flask.subscriptions`."""
