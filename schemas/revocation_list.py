"""The list of revoked sessions in Redis, as auth writes and gateways read it."""

from typing import Final

REVOKED: Final = "auth:revoked"
"""Sorted set: session id, scored by the Unix time at which the last of its access tokens expires."""
COMPLETE: Final = "auth:revoked:complete"
"""The id of the run of Redis in which auth last filled the set; a Redis that lost its data has neither."""
CHANNEL: Final = "auth:revoked"
"""Channel of additions: a JSON object of session ids and expiries."""
