"""Web Push (RFC 8030, RFC 8291, VAPID: RFC 8292) through pywebpush."""

from typing import Any

import orjson

from services.chassis.common.errors import ServiceUnavailable

GONE = (404, 410)
KEPT_SECONDS = 86_400
"""How long a push service keeps a message for a device that is off."""


class DeviceGone(Exception):
    """The browser has withdrawn its subscription."""


class WebPush:
    """Sends to a browser's own push service, signed with the shop's key. Without a key it is off."""

    def __init__(self, private_key: str, contact: str, timeout: float) -> None:
        self._key, self._contact, self._timeout = private_key, contact, timeout

    @property
    def is_on(self) -> bool:
        return bool(self._key)

    def public_key(self) -> str:
        """What a browser subscribes with (`applicationServerKey`); empty when push is off."""
        if not self._key:
            return ""
        import base64

        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        from py_vapid import Vapid02

        public = Vapid02.from_string(self._key).public_key
        raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def send(self, device: dict[str, Any], title: str, body: str, data: dict[str, Any]) -> None:
        """Raises `DeviceGone`, or `ServiceUnavailable` when it should be tried again."""
        import requests
        from pywebpush import WebPushException, webpush

        try:
            webpush(
                {"endpoint": device["_id"], "keys": device["keys"]},
                orjson.dumps({"title": title, "body": body, "data": data}),
                vapid_private_key=self._key,
                vapid_claims={"sub": self._contact},
                ttl=KEPT_SECONDS,
                timeout=self._timeout,
            )
        except WebPushException as refused:
            status = refused.response.status_code if refused.response is not None else 0
            if status in GONE:
                raise DeviceGone from refused
            raise ServiceUnavailable(f"The push service refuses for now ({status})") from refused
        except requests.RequestException as away:
            raise ServiceUnavailable("The push service does not answer") from away
