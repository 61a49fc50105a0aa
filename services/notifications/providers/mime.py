"""MIME messages (RFC 5322, RFC 2045): HTML with a plain-text alternative, ASCII only.

Not built with the standard library's message classes, because their header parsing took nine tenths of the time.
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
MAX_UNFOLDED = 60
"""Length of a header value up to which it is not folded (RFC 5322: lines of 78 characters)."""


@dataclass(frozen=True)
class Mail:
    """A mail ready for SMTP."""

    sender: str
    to: str
    content: bytes


def compose(message: Message, rendered: Rendered, sender: str) -> Mail:
    """Compose a mail. Its Message-ID is derived from the message's id, so duplicates can be recognized.

    Raises `AddressRefused` for an invalid address.
    """
    from_header, from_address = _sender(sender)
    to = _recipient(message.to)
    digest = hashlib.sha256(message.id.encode()).hexdigest()[:32]
    boundary = f"=_{digest}"  # nothing in quoted-printable has `=_` in it
    headers = {
        "From": from_header,
        "To": to,
        "Subject": rendered.subject,
        "Date": format_datetime(clock.now()),
        "Message-ID": f"<{digest}@{from_address.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
        "X-UltraMarket-Kind": message.kind,
        "MIME-Version": "1.0",
    }
    if rendered.unsubscribe:
        headers |= {
            "List-Unsubscribe": f"<{rendered.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    content = (
        *(_header(name, value) for name, value in headers.items()),
        f'Content-Type: multipart/alternative; boundary="{boundary}"{CRLF}{CRLF}',
        *(f"--{boundary}{CRLF}{_part(*part)}" for part in (("plain", rendered.text), ("html", rendered.html))),
        f"--{boundary}--{CRLF}",
    )
    return Mail(from_address, to, "".join(content).encode("ascii"))


def _header(name: str, value: str) -> str:
    """A folded and encoded header. Line ends in the value cannot start another header.

    A value that looks like an encoded word (RFC 2047) is encoded once more: clients would decode it, line ends and all.
    """
    line = one_line(value)
    if "=?" in line:
        line = Header(line, "utf-8", header_name=name).encode(linesep=CRLF)
    elif not line.isascii() or len(line) > MAX_UNFOLDED:
        line = Header(line, header_name=name).encode(linesep=CRLF)
    return f"{name}: {line}{CRLF}"


def _part(kind: str, text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    encoded = binascii.b2a_qp(f"{CRLF.join(lines)}{CRLF}".encode(), istext=True).decode("ascii")
    headers = f'Content-Type: text/{kind}; charset="utf-8"{CRLF}Content-Transfer-Encoding: quoted-printable{CRLF}'
    return f"{headers}{CRLF}{encoded}"


@lru_cache(maxsize=8)
def _sender(sender: str) -> tuple[str, str]:
    """The From header and the bare address of the sender."""
    name, address = parseaddr(sender)
    return formataddr((name, address)), address


def _recipient(address: str) -> str:
    """The address with an ASCII domain, for servers without SMTPUTF8."""
    try:
        checked = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise AddressRefused("is not an e-mail address") from error
    return str(checked.ascii_email)
