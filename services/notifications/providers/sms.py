"""Text messages: through Twilio (https://www.twilio.com/docs/messaging/api), or into a sandbox that stands for it."""

from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from pymongo.database import Database

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused

LONGEST = 320
"""Characters: two parts of a text message."""


class Texter(Protocol):
    """Raises `AddressRefused`, or `ServiceUnavailable` when it should be tried again."""

    def send(self, message: Message, text: str) -> None: ...


class SandboxTexter:
    """A collection of its own stands for the telephone network. Numbers that end in 0000 are refused."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._sent = database["sandbox_sms"]

    def send(self, message: Message, text: str) -> None:
        if message.to.endswith("0000"):
            raise AddressRefused("is not a number that is in use")
        document = {"to": message.to, "text": text[:LONGEST], "at": clock.now()}
        self._sent.update_one({"_id": message.id}, {"$setOnInsert": document}, upsert=True)


class TwilioTexter:
    """Twilio's own library; `base_url` puts another server in place of theirs."""

    def __init__(self, account: str, token: str, sender: str, base_url: str, timeout: float) -> None:
        self._account, self._token, self._sender = account, token, sender
        self._base_url, self._timeout = base_url, timeout
        self._client: Any = None

    def send(self, message: Message, text: str) -> None:
        from twilio.base.exceptions import TwilioException, TwilioRestException

        try:
            self._connected().messages.create(to=message.to, from_=self._sender, body=text[:LONGEST])
        except TwilioRestException as refused:
            if 400 <= refused.status < 500 and refused.status != 429:
                raise AddressRefused(str(refused.msg)) from refused
            raise ServiceUnavailable("Twilio refuses for now") from refused
        except (TwilioException, OSError) as away:
            raise ServiceUnavailable("Twilio does not answer") from away

    def _connected(self) -> Any:
        if self._client is None:
            from twilio.http.http_client import TwilioHttpClient  # 20 MB: only where it is used
            from twilio.rest import Client

            base = urlsplit(self._base_url)

            class Elsewhere(TwilioHttpClient):  # type: ignore[misc]
                def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
                    if base.netloc:
                        url = urlunsplit((base.scheme, base.netloc, *urlsplit(url)[2:]))
                    return super().request(method, url, *args, **kwargs)

            self._client = Client(self._account, self._token, http_client=Elsewhere(timeout=self._timeout))
        return self._client
