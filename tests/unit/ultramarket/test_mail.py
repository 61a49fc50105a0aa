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


def test_mails_are_selected_by_recipient_and_limited(instance: Any) -> None:
    for number in range(3):
        deliver(instance.mails, f"Mail {number}")

    assert [summary["subject"] for summary in mail.summaries(instance, limit=2)] == ["Mail 2", "Mail 1"]
    assert len(mail.summaries(instance, to="CLARA@", limit=2)) == 2
    assert mail.summaries(instance, to="nobody@example.com") == []
    assert mail.find(instance, "last", to="nobody@example.com") is None


def test_listing_reads_the_newest_files_only(instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        deliver(instance.mails, f"Mail {number}")
    read: list[Path] = []
    summary = mail._summary
    monkeypatch.setattr(mail, "_summary", lambda path: read.append(path) or summary(path))

    mail.summaries(instance, limit=2)

    assert len(read) == 2
