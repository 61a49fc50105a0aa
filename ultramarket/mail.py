"""Stored mails of an instance: list and read what the SMTP sink received."""

import email
import email.policy
import heapq
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from itertools import islice
from pathlib import Path
from typing import Any

from ultramarket.instance import Instance


def summaries(instance: Instance, to: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """The newest mails first: id, at, from, to, subject. `to` selects recipients that contain it."""
    newest = map(_summary, _newest_first(instance, limit if to is None else None))
    matching = (summary for summary in newest if to is None or to.casefold() in summary["to"].casefold())
    return list(islice(matching, limit))


def find(instance: Instance, mail_id: str, to: str | None = None) -> dict[str, Any] | None:
    """A mail with its text and HTML, by the beginning of its id; `last` is the newest (to that recipient)."""
    if mail_id == "last":
        newest = summaries(instance, to, limit=1)
        paths = [instance.mails / f"{newest[0]['id']}.eml"] if newest else []
    else:
        paths = [path for path in _newest_first(instance) if path.stem.startswith(mail_id)]
    if not paths:
        return None
    with paths[0].open("rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    return _summary(paths[0]) | {"text": _body(message, "plain"), "html": _body(message, "html")}


def _newest_first(instance: Instance, limit: int | None = None) -> Iterator[Path]:
    """Ids begin with the time of arrival."""
    paths = instance.mails.glob("[!.]*.eml")
    return iter(sorted(paths, reverse=True) if limit is None else heapq.nlargest(limit, paths))


def _summary(path: Path) -> dict[str, Any]:
    """Reads the headers alone: a mailbox may hold thousands of mails with attachments."""
    headers: EmailMessage
    with path.open("rb") as file:
        headers = BytesParser(policy=email.policy.default).parsebytes(_header_bytes(file), headersonly=True)  # type: ignore[assignment]
    name = path.stem
    return {
        "id": name,
        "at": f"{name[:4]}-{name[4:6]}-{name[6:8]}T{name[9:11]}:{name[11:13]}:{name[13:15]}Z",
        "from": str(headers["From"] or headers["X-Envelope-From"]),
        "to": str(headers["To"] or headers["X-Envelope-To"]),
        "subject": str(headers["Subject"] or ""),
    }


def _header_bytes(lines: Any) -> bytes:
    header = []
    for line in lines:
        if not line.strip():
            break
        header.append(line)
    return b"".join(header)


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())
