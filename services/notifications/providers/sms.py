"""SMS providers: Twilio (https://www.twilio.com/docs/messaging/api) and a sandbox."""

from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from pymongo.database import Database

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused

MAX_LENGTH = 320
"""Maximum length in characters: two SMS segments."""


class SmsSender(Protocol):
    """Sends SMS. Raises `AddressRefused`, or `ServiceUnavailable` for a temporary failure."""

    def send(self, message: Message, text: str) -> None: ...


class SandboxSms:
    """Stores messages in the collection `sandbox_sms`. Numbers that end in 0000 are rejected."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._sent = database["sandbox_sms"]

    def send(self, message: Message, text: str) -> None:
        if message.to.endswith("0000"):
            raise AddressRefused("is not a valid number")
        document = {"to": message.to, "text": text[:MAX_LENGTH], "at": clock.now()}
        self._sent.update_one({"_id": message.id}, {"$setOnInsert": document}, upsert=True)


class TwilioSms:
    """Sends through Twilio's library; `base_url` replaces Twilio's server in tests."""

    def __init__(self, account: str, token: str, sender: str, base_url: str, timeout: float) -> None:
        self._account, self._token, self._sender = account, token, sender
        self._base_url, self._timeout = base_url, timeout
        self._client: Any = None

    def send(self, message: Message, text: str) -> None:
        from twilio.base.exceptions import TwilioException, TwilioRestException

        try:
            self._twilio().messages.create(to=message.to, from_=self._sender, body=text[:MAX_LENGTH])
        except TwilioRestException as error:
            if 400 <= error.status < 500 and error.status != 429:
                raise AddressRefused(str(error.msg)) from error
            raise ServiceUnavailable("Twilio rejects the message temporarily") from error
        except (TwilioException, OSError) as error:
            raise ServiceUnavailable("Twilio does not respond") from error

    def _twilio(self) -> Any:
        if self._client is None:
            from twilio.http.http_client import TwilioHttpClient  # 20 MB: only where it is used
            from twilio.rest import Client

            base = urlsplit(self._base_url)

            class RedirectedHttpClient(TwilioHttpClient):  # type: ignore[misc]
                def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
                    if base.netloc:
                        url = urlunsplit((base.scheme, base.netloc, *urlsplit(url)[2:]))
                    return super().request(method, url, *args, **kwargs)

            self._client = Client(self._account, self._token, http_client=RedirectedHttpClient(timeout=self._timeout))
        return self._client
