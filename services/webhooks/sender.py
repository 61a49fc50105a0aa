"""Sends a delivery: a signed POST by the guarded client."""

import time
from typing import Final

from services.chassis.common import clock
from services.chassis.outbound.addresses import OutboundPolicy, OutboundRefused
from services.webhooks.domain import signing
from services.webhooks.store.attempts import Attempt, Outcome

REPLY_BYTES: Final = 64_000
SHOWN_CHARACTERS: Final = 2_000
"""How much of a reply is stored."""


def send(attempt: Attempt, policy: OutboundPolicy, seconds: float) -> Outcome:
    """Send a delivery; any reply but 2xx is a failure. Redirects are not followed."""
    import requests

    from services.chassis.outbound.guarded_http import GuardedSession, Limits  # its imports take 10 MB

    body = attempt.body.encode()
    headers = signing.headers(
        body,
        attempt.keys,
        int(clock.now().timestamp()),
        event_id=attempt.event_id,
        event_type=attempt.type,
        delivery_id=attempt.delivery_id,
        attempt=attempt.number,
    )
    started = time.perf_counter()
    try:
        response = GuardedSession(policy, Limits(seconds, REPLY_BYTES)).post(attempt.url, data=body, headers=headers)
    except OutboundRefused as refused:
        return Outcome(headers, error=f"the URL {refused}")
    except requests.Timeout:
        return Outcome(headers, error=f"no complete reply within {seconds:g} s", ms=_since(started))
    except (requests.RequestException, OSError) as failed:
        return Outcome(headers, error=f"no reply: {_cause(failed)}", ms=_since(started))
    text = response.content[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace").replace("\0", "\ufffd")
    return Outcome(
        headers,
        status=response.status_code,
        body=text[:SHOWN_CHARACTERS],
        ms=_since(started),
        error=None if response.ok and response.status_code < 300 else f"the receiver replied {response.status_code}",
    )


def _cause(failed: Exception) -> str:
    """The name of the cause that urllib3 gives, such as `NameResolutionError`."""
    inner = failed.args[0] if failed.args else failed
    return type(getattr(inner, "reason", failed)).__name__


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1_000)
