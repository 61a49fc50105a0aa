"""E-mail provider: SMTP (RFC 5321)."""

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

PERMANENT_FAILURES = range(500, 600)
KEEP_SECONDS: Final = 5.0
"""How long an idle connection is reused."""


class SmtpMailer:
    """Sends through the server of the URL: `smtp://[user:password@]host[:port]`, `smtps://` for TLS.

    Passwords are sent over TLS only: `smtp://` with a password requires STARTTLS. Connections are reused; each sends
    one mail at a time.
    """

    def __init__(self, url: str, sender: str, timeout: float) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._timeout = timeout
        self._idle: list[tuple[float, smtplib.SMTP]] = []

    def send(self, message: Message, rendered: Rendered) -> None:
        mail = compose(message, rendered, self._sender)
        try:
            server = self._idle_connection() or self._connect()
            try:
                server.sendmail(mail.sender, mail.to, mail.content)
            except BaseException:
                server.close()
                raise
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            if code in PERMANENT_FAILURES:
                raise AddressRefused(reason.decode(errors="replace")) from error
            raise ServiceUnavailable("The mail server rejects the message temporarily") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ServiceUnavailable("The mail server does not respond") from error
        self._idle.append((time.monotonic(), server))

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._quit(self._idle.pop()[1])

    def _idle_connection(self) -> smtplib.SMTP | None:
        """An idle connection that is still open. It is checked before the mail is sent, because after a failed
        transmission it is unknown whether the mail was accepted.
        """
        while self._idle:
            idle_since, server = self._idle.pop()
            if time.monotonic() - idle_since < KEEP_SECONDS and _is_open(server):
                return server
            self._quit(server)
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
    def _quit(server: smtplib.SMTP) -> None:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _is_open(server: smtplib.SMTP) -> bool:
    try:
        return server.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False
