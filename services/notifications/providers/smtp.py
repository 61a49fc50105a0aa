"""Mail by SMTP (RFC 5321), HTML with a text alternative."""

import hashlib
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

from services.chassis import clock
from services.chassis.errors import ServiceUnavailable
from services.notifications.domain import Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.rendering import Rendered

REFUSED_FOR_GOOD = range(500, 600)


class SmtpMailer:
    """Sends through the server that the URL names: `smtp://[user:password@]host[:port]`, `smtps://` for TLS.

    A password is told over TLS alone: `smtp://` with one asks for STARTTLS first.
    """

    def __init__(self, url: str, sender: str, timeout: float) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._timeout = timeout

    def send(self, message: Message, rendered: Rendered) -> None:
        mail = compose(message, rendered, self._sender)
        try:
            with self._connect() as server:
                self._sign_in(server)
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as refused:
            code, reason = next(iter(refused.recipients.values()))
            if code in REFUSED_FOR_GOOD:
                raise AddressRefused(reason.decode(errors="replace")) from refused
            raise ServiceUnavailable("The mail server refuses for now") from refused
        except (smtplib.SMTPException, OSError) as away:
            raise ServiceUnavailable("The mail server does not answer") from away

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "127.0.0.1", self._url.port
        if self._url.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port or 465, timeout=self._timeout, context=context)
        return smtplib.SMTP(host, port or 25, timeout=self._timeout)

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if not self._url.username:
            return
        if self._url.scheme == "smtp":
            server.starttls(context=ssl.create_default_context())
        server.login(unquote(self._url.username), unquote(self._url.password or ""))


def compose(message: Message, rendered: Rendered, sender: str) -> EmailMessage:
    """The mail. Its Message-ID is made of the message's own id: who gets it twice can tell.

    Raises `AddressRefused` for what is no address.
    """
    name, address = parseaddr(sender)
    mail = EmailMessage()
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = _recipient(message.to)
    mail["Subject"] = rendered.subject
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{hashlib.sha256(message.id.encode()).hexdigest()[:32]}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-UltraMarket-Kind"] = message.kind
    mail.set_content(rendered.text, cte="quoted-printable")
    mail.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return mail


def _recipient(address: str) -> Address:
    """One mailbox, its domain as mail servers without SMTPUTF8 understand it."""
    user, _, domain = address.rpartition("@")
    try:
        return Address(addr_spec=f"{user}@{domain.encode('idna').decode()}")
    except (ValueError, IndexError, MessageError) as malformed:  # its parser says it in many ways
        raise AddressRefused("is no mail address") from malformed
