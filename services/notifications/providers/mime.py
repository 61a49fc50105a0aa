"""Mails as bytes (RFC 5322, RFC 2045): HTML with a text alternative, in ASCII, so that any mail server takes them.

Written out here because the standard library's message classes parse each header that they are given; for a mail
whose headers are all our own, that was nine tenths of the work.
"""

import binascii
import hashlib
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from services.chassis.common import clock
from services.notifications.domain.formatting import one_line
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.rendering import Rendered

CRLF = "\r\n"
SHORT = 60
"""Characters of a header that need no folding (RFC 5322 asks for lines of 78)."""


@dataclass(frozen=True)
class Mail:
    """What is handed to a mail server."""

    sender: str
    to: str
    content: bytes


def compose(message: Message, rendered: Rendered, sender: str) -> Mail:
    """The mail. Its Message-ID is made of the message's own id: who gets it twice can tell.

    Raises `AddressRefused` for what is no address.
    """
    from_whom, from_address = _sender(sender)
    to = _recipient(message.to)
    mark = hashlib.sha256(message.id.encode()).hexdigest()[:32]
    boundary = f"=_{mark}"  # nothing in quoted-printable has `=_` in it
    head = {
        "From": from_whom,
        "To": to,
        "Subject": rendered.subject,
        "Date": format_datetime(clock.now()),
        "Message-ID": f"<{mark}@{from_address.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
        "X-UltraMarket-Kind": message.kind,
        "MIME-Version": "1.0",
    }
    if rendered.unsubscribe:
        head |= {
            "List-Unsubscribe": f"<{rendered.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    content = (
        *(_header(name, value) for name, value in head.items()),
        f'Content-Type: multipart/alternative; boundary="{boundary}"{CRLF}{CRLF}',
        *(f"--{boundary}{CRLF}{_part(*part)}" for part in (("plain", rendered.text), ("html", rendered.html))),
        f"--{boundary}--{CRLF}",
    )
    return Mail(from_address, to, "".join(content).encode("ascii"))


def _header(name: str, value: str) -> str:
    """A header, folded, other letters encoded. Whatever is in the value, it can't begin another one."""
    line = one_line(value)
    if not line.isascii() or len(line) > SHORT:
        line = Header(line, header_name=name).encode(linesep=CRLF)
    return f"{name}: {line}{CRLF}"


def _part(kind: str, text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    encoded = binascii.b2a_qp(f"{CRLF.join(lines)}{CRLF}".encode(), istext=True).decode("ascii")
    head = f'Content-Type: text/{kind}; charset="utf-8"{CRLF}Content-Transfer-Encoding: quoted-printable{CRLF}'
    return f"{head}{CRLF}{encoded}"


@lru_cache(maxsize=8)
def _sender(sender: str) -> tuple[str, str]:
    """The shop as the header says it, and its bare address."""
    name, address = parseaddr(sender)
    return formataddr((name, address)), address


def _recipient(address: str) -> str:
    """One mailbox, its domain as mail servers without SMTPUTF8 understand it."""
    try:
        checked = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as malformed:
        raise AddressRefused("is no mail address") from malformed
    return str(checked.ascii_email)
