"""SMTP server that stores every mail as an .eml file: `python -m ultramarket.smtp_sink PORT FOLDER`."""

import asyncio
import secrets
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_MAIL_BYTES: Final = 10_000_000


class FolderHandler:
    """aiosmtpd handler that writes each mail to a file of its own, atomically."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        new = self.folder / f".{name}.new"
        new.write_bytes(head.encode() + raw)
        new.rename(self.folder / f"{name}.eml")
        return f"250 OK {name}"


async def serve(port: int, folder: Path) -> None:
    """Accept mails on the loopback port until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    handler = FolderHandler(folder)
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="ultramarket.example", data_size_limit=MAX_MAIL_BYTES, enable_SMTPUTF8=True),
        host="127.0.0.1",
        port=port,
    )
    async with server:
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
