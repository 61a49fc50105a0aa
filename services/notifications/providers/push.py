"""Web Push (RFC 8030, RFC 8291, VAPID: RFC 8292) through pywebpush."""

from typing import Any

import orjson

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.outbound.addresses import OutboundPolicy, OutboundRefused

GONE_STATUSES = (404, 410)
REDIRECTS = range(300, 400)
"""Push services do not redirect (RFC 8030): the endpoint leads to something else."""
REPLY_BYTES = 100_000
KEEP_SECONDS = 86_400
"""How long a push service stores a message for an offline device."""


class DeviceGone(Exception):
    """The browser has withdrawn its subscription, or its endpoint is none of a push service."""


class WebPush:
    """Sends Web Push messages signed with the shop's VAPID key, to public addresses only. Disabled without a key."""

    def __init__(self, private_key: str, contact: str, timeout: float, policy: OutboundPolicy | None = None) -> None:
        self._key, self._contact, self._timeout = private_key, contact, timeout
        self._policy = policy or OutboundPolicy()

    @property
    def enabled(self) -> bool:
        return bool(self._key)

    def public_key(self) -> str:
        """The `applicationServerKey` for browsers; empty while push is disabled."""
        if not self._key:
            return ""
        import base64

        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        from py_vapid import Vapid02

        public = Vapid02.from_string(self._key).public_key
        raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def check(self, endpoint: str) -> None:
        """Check where a device's endpoint leads. Raises `OutboundRefused`."""
        from services.chassis.outbound.guarded_http import check_destination  # its imports take 10 MB

        check_destination(endpoint, self._policy)

    def send(self, device: dict[str, Any], title: str, body: str, data: dict[str, Any]) -> None:
        """Send a message. Raises `DeviceGone`, also for an endpoint that leads elsewhere than to a push service, or
        `ServiceUnavailable` for a temporary failure.
        """
        import requests
        from pywebpush import WebPushException, webpush

        from services.chassis.outbound.guarded_http import GuardedSession, Limits

        try:
            webpush(
                {"endpoint": device["_id"], "keys": device["keys"]},
                orjson.dumps({"title": title, "body": body, "data": data}),
                vapid_private_key=self._key,
                vapid_claims={"sub": self._contact},
                ttl=KEEP_SECONDS,
                timeout=self._timeout,
                requests_session=GuardedSession(self._policy, Limits(self._timeout, REPLY_BYTES)),
            )
        except OutboundRefused as refused:
            raise DeviceGone from refused
        except WebPushException as error:
            status = error.response.status_code if error.response is not None else 0
            if status in GONE_STATUSES or status in REDIRECTS:
                raise DeviceGone from error
            raise ServiceUnavailable(f"The push service rejects the message temporarily ({status})") from error
        except requests.RequestException as error:
            raise ServiceUnavailable("The push service does not respond") from error
