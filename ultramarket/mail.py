"""Read the mails that the catcher caught."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from ultramarket.instance import Instance


def summaries(instance: Instance) -> list[dict[str, Any]]:
    """The newest first: id, at, from, to, subject."""
    return [summary(path.stem, _read(path)) for path in sorted(_files(instance), reverse=True)]


def find(instance: Instance, mail_id: str) -> dict[str, Any] | None:
    """One mail with its text and HTML, by its id or the beginning of it; `last` is the newest."""
    files = sorted(_files(instance), reverse=True)
    for path in files[:1] if mail_id == "last" else files:
        if mail_id == "last" or path.stem.startswith(mail_id):
            message = _read(path)
            return summary(path.stem, message) | {"text": _part(message, "plain"), "html": _part(message, "html")}
    return None


def summary(mail_id: str, message: EmailMessage) -> dict[str, Any]:
    return {
        "id": mail_id,
        "at": f"{mail_id[:4]}-{mail_id[4:6]}-{mail_id[6:8]}T{mail_id[9:11]}:{mail_id[11:13]}:{mail_id[13:15]}Z",
        "from": str(message["From"] or message["X-Envelope-From"]),
        "to": str(message["To"] or message["X-Envelope-To"]),
        "subject": str(message["Subject"] or ""),
    }


def _files(instance: Instance) -> Iterator[Path]:
    return instance.mails.glob("[!.]*.eml")


def _read(path: Path) -> EmailMessage:
    with path.open("rb") as file:
        return email.message_from_binary_file(file, policy=email.policy.default)


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())
