"""Stored mails: summaries, filters, reading one."""

import asyncio
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ultramarket import mail
from ultramarket.smtp_sink import FolderHandler


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    return SimpleNamespace(mails=tmp_path)


def deliver(folder: Path, subject: str, text: str = "Hello") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@ultramarket.example", "clara@example.com", subject
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    envelope: Any = SimpleNamespace(content=bytes(message), mail_from="shop@x", rcpt_tos=["clara@example.com"])
    reply = asyncio.run(FolderHandler(folder).handle_DATA(None, None, envelope))  # type: ignore[arg-type]
    assert reply.startswith("250")


def test_newest_mail_is_listed_first(instance: Any) -> None:
    deliver(instance.mails, "Welcome")
    deliver(instance.mails, "Your order 1001 — thank you")

    summaries = mail.summaries(instance)

    assert [summary["subject"] for summary in summaries] == ["Your order 1001 — thank you", "Welcome"]
    assert set(summaries[0]) == {"id", "at", "from", "to", "subject"}
    assert summaries[0]["to"] == "clara@example.com"


def test_mail_is_read_by_id_prefix_or_as_last(instance: Any) -> None:
    deliver(instance.mails, "Welcome", text="Grüße")
    [listed] = mail.summaries(instance)

    for name in (listed["id"], listed["id"][:18], "last"):
        message = mail.find(instance, name)
        assert message is not None
        assert message["text"].strip() == "Grüße"
        assert "<p>Grüße</p>" in message["html"]
    assert mail.find(instance, "20000101") is None
