"""Mails caught by the instance's mail server, by recipient, oldest first."""

import email
import email.policy
import email.utils
import os
from email.message import EmailMessage
from pathlib import Path

from tests.support.shop import eventually


def mails_to(address: str) -> list[EmailMessage]:
    """Mails to an address in the mail folder of the instance under test."""
    folder = Path(os.environ["ULTRAMARKET_HOME"]) / "mail"
    messages = (_read(path) for path in sorted(folder.glob("[!.]*.eml")))
    return [message for message in messages if email.utils.parseaddr(str(message["To"]))[1] == address]


def wait_for_mail(address: str, subject: str = "") -> EmailMessage:
    """Wait for the first mail to an address whose subject contains `subject`."""

    def first() -> EmailMessage | None:
        return next((message for message in mails_to(address) if subject in str(message["Subject"])), None)

    message = eventually(first, every=0.2)
    assert message is not None, f"no mail about {subject!r} to {address}"
    return message


def text_of(message: EmailMessage) -> str:
    """The plain text part of a mail."""
    part = message.get_body(preferencelist=("plain",))
    assert part is not None
    return str(part.get_content())


def _read(path: Path) -> EmailMessage:
    with path.open("rb") as file:
        return email.message_from_binary_file(file, policy=email.policy.default)
