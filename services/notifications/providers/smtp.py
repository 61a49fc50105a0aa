"""Mail by SMTP (RFC 5321)."""

import smtplib
import ssl
import time
from contextlib import suppress
from typing import Final
from urllib.parse import unquote, urlsplit

from services.chassis.common.errors import ServiceUnavailable
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.providers.mime import compose
from services.notifications.rendering import Rendered

REFUSED_FOR_GOOD = range(500, 600)
KEPT_SECONDS: Final = 5.0
"""How long a connection waits for the next mail; servers have patience for some minutes."""


class SmtpMailer:
    """Sends through the server that the URL names: `smtp://[user:password@]host[:port]`, `smtps://` for TLS.

    A password is told over TLS alone: `smtp://` with one asks for STARTTLS first. A connection over which a mail went
    is kept for the next one; each carries one mail at a time.
    """

    def __init__(self, url: str, sender: str, timeout: float) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._timeout = timeout
        self._kept: list[tuple[float, smtplib.SMTP]] = []

    def send(self, message: Message, rendered: Rendered) -> None:
        mail = compose(message, rendered, self._sender)
        try:
            server = self._kept_connection() or self._connect()
            try:
                server.sendmail(mail.sender, mail.to, mail.content)
            except BaseException:
                server.close()
                raise
        except smtplib.SMTPRecipientsRefused as refused:
            code, reason = next(iter(refused.recipients.values()))
            if code in REFUSED_FOR_GOOD:
                raise AddressRefused(reason.decode(errors="replace")) from refused
            raise ServiceUnavailable("The mail server refuses for now") from refused
        except (smtplib.SMTPException, OSError) as away:
            raise ServiceUnavailable("The mail server does not answer") from away
        self._kept.append((time.monotonic(), server))

    def close(self) -> None:
        """Leave the connections that were kept."""
        while self._kept:
            self._leave(self._kept.pop()[1])

    def _kept_connection(self) -> smtplib.SMTP | None:
        """A connection that is open still. It is asked before the mail is sent: afterwards nobody could tell whether
        the mail was taken.
        """
        while self._kept:
            since, server = self._kept.pop()
            if time.monotonic() - since < KEPT_SECONDS and _is_open(server):
                return server
            self._leave(server)
        return None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "127.0.0.1", self._url.port
        server: smtplib.SMTP
        if self._url.scheme == "smtps":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(host, port or 465, timeout=self._timeout, context=context)
        else:
            server = smtplib.SMTP(host, port or 25, timeout=self._timeout)
        try:
            self._sign_in(server)
        except BaseException:
            server.close()
            raise
        return server

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if not self._url.username:
            return
        if self._url.scheme == "smtp":
            server.starttls(context=ssl.create_default_context())
        server.login(unquote(self._url.username), unquote(self._url.password or ""))

    @staticmethod
    def _leave(server: smtplib.SMTP) -> None:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _is_open(server: smtplib.SMTP) -> bool:
    try:
        return server.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False
