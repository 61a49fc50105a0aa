"""Templates of messages: texts by kind and language, previews and test messages."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from schemas.api.notifications import KindName, Locale
from schemas.base import Clean, Email, Request, Schema
from schemas.caller import Caller


class Button(Request):
    """The button of a message."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=80), Clean]
    url: Annotated[str, StringConstraints(min_length=1, max_length=500), Clean]


_Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000), Clean]


class MessageText(Request):
    """Texts of a message (sandboxed Jinja2); omitted ones stay the shop's own."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=300), Clean] | None = None
    heading: Annotated[str, StringConstraints(min_length=1, max_length=300), Clean] | None = None
    paragraphs: Annotated[list[_Text], Field(min_length=1, max_length=10)] | None = None
    button: Button | None = None
    why: _Text | None = None
    short: Annotated[str, StringConstraints(min_length=1, max_length=300), Clean] | None = None


class TemplateWrite(Request):
    """New texts based on `version` (0: the shop's own)."""

    locale: Locale = "en"
    text: MessageText
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]


class SaveTemplate(TemplateWrite):
    """The command to store new texts."""

    kind: KindName
    caller: Caller


class TemplateQuery(Schema):
    """The language of the texts."""

    locale: Locale = "en"


class TemplateKind(Schema):
    """A kind of message with its default channels and locales."""

    kind: str
    transactional: bool
    channels: list[str]
    locales: list[str]


class Template(Schema):
    """The texts in force, and administrators' versions."""

    kind: str
    locale: str
    version: int
    text: dict[str, Any]
    versions: list[dict[str, Any]]


class TemplatePreviewRequest(Request):
    """A preview with the texts in force, or with these texts."""

    locale: Locale = "en"
    text: MessageText | None = None


class MailPreview(Schema):
    """A message rendered with example data."""

    subject: str
    html: str
    text: str
    short: str


class TestSend(Request):
    """The address to send a preview to."""

    to: Email
    locale: Locale = "en"
