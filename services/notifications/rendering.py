"""Rendering of messages as HTML, plain text and one short line: sandboxed Jinja2 with HTML escaping.

The texts of a kind are in `message_texts/LOCALE.json` (English is the fallback) and are inserted into the common
layout. A kind with a layout of its own has `templates/KIND.html` and `KIND.txt`, with texts in
`layout_texts/LOCALE.json`. Texts of an administrator replace the shop's; a customized kind uses the common layout,
unless only its subject or short line was changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from services.chassis.common.errors import ValidationFailed
from services.notifications import localization
from services.notifications.custom_texts import render as render_custom_texts
from services.notifications.domain.formatting import one_line
from services.notifications.domain.messages import Message
from services.notifications.template_sandbox import TemplateSandbox
from services.notifications.template_sandbox import check as check_source
from services.notifications.text_worker import RENDERING_ERRORS

HERE: Final = Path(__file__).parent
EXAMPLES: Final[dict[str, Any]] = {
    "first_name": "Ada", "number": "UM-2026-000042", "discount": None, "method": "standard", "carrier": "UltraPost",
    **{name: {"amount": amount, "currency": "USD"} for name, amount in (
        ("subtotal", 2500), ("shipping", 499), ("tax", 200), ("total", 3199), ("refunded", 3199), ("refund", 1250),
    )},
    "lines": [{
        "title": "Enamel mug, red", "quantity": 2, "unit_price": {"amount": 1250, "currency": "USD"},
        "total": {"amount": 2500, "currency": "USD"},
    }],
    "address": ["Ada Lovelace", "12 St James's Square", "New York, NY 10001", "US"], "country": "US",
    "reason": "insufficient_funds",
    "tracking_number": "UP0000042", "titles": ["Enamel mug, red"], "title": "Enamel mug", "rating": 5,
    "slug": "enamel-mug", "sku": "MUG-RED", "available": 3, "name": "Sales by country", "rows": 42, "format": "csv",
    "report_id": "0197b1c8", "product_id": "0197b1c8", "link": "https://shop.example/verify-email?token=abc",
    "order_link": "https://shop.example/orders/0197b1ca?key=abc",
    "hours": 24, "minutes": 60, "disputed": {"amount": 3199, "currency": "USD"}, "dispute_reason": "fraudulent",
    "evidence_due": "2026-01-31 12:00 UTC", "payment_id": "0197b1c9",
    "url": "https://erp.example.com/hooks", "error": "the receiver replied 500", "since": "2026-01-31 12:00 UTC",
    "provider": "Google",
    "waiting": 42,
}  # fmt: skip
"""Example facts for previews and test messages."""


@dataclass(frozen=True)
class Rendered:
    """A rendered message."""

    subject: str
    html: str
    text: str
    title: str = ""
    short: str = ""
    """One line for in-app, SMS and push messages."""
    unsubscribe: str = ""
    """URL of one-click unsubscribing (RFC 8058); empty for transactional messages."""


def render(
    message: Message,
    shop_name: str,
    shop_url: str,
    custom_texts: Mapping[str, Any] | None = None,
    unsubscribe: str = "",
) -> Rendered:
    """Render a message, with an administrator's texts (`custom_texts`) if there are any.

    Raises one of `RENDERING_ERRORS` when a text does not fit the facts.
    """
    environment = _environment()
    language, texts_of_layout = localization.layout_texts(message.locale)
    facts = {
        "shop_name": shop_name,
        "shop_url": shop_url,
        **localization.localize(message.facts, language, texts_of_layout),
    }
    own = custom_texts or {}
    texts = localization.message_texts(message.kind, message.locale)
    rendered = {name: _rendered(value, facts) for name, value in texts.items() if name not in own}
    if own:
        rendered |= render_custom_texts(own, facts)
    subject = one_line(message.subject or rendered["subject"])
    customized = set(custom_texts or {}) - {"subject", "short"}
    layout = message.kind if not customized and f"{message.kind}.html" in _layouts() else "message"
    layout_variables = {
        "lang": language,
        "words": texts_of_layout.get(message.kind, {}),
        "unsubscribe": unsubscribe,
        "unsubscribe_link": texts_of_layout["unsubscribe_link"],
    }
    variables = {**facts, "rows": [], "button": None, **layout_variables, **rendered, "subject": subject}
    return Rendered(
        subject=subject,
        html=environment.get_template(f"{layout}.html").render(variables),
        text=environment.get_template(f"{layout}.txt").render(variables),
        title=one_line(rendered.get("heading") or subject),
        short=one_line(rendered["short"]),
        unsubscribe=unsubscribe,
    )


def preview(
    kind: str, locale: str, custom_texts: Mapping[str, Any] | None, shop_name: str, shop_url: str
) -> dict[str, str]:
    """The parts of a message with example facts."""
    message = Message("preview", kind, "email", "preview", "", "", EXAMPLES, locale)
    unsubscribe = "" if message.transactional else f"{shop_url}/api/v1/notifications/unsubscribe?token=preview"
    rendered = render(message, shop_name, shop_url, custom_texts, unsubscribe)
    return {"subject": rendered.subject, "html": rendered.html, "text": rendered.text, "short": rendered.short}


def unsubscribe_page(kind: str, locale: str, shop_name: str, shop_url: str, *, done: bool) -> str:
    """The page of an unsubscribe link: one button, or (`done`) the confirmation."""
    language, layout_texts = localization.layout_texts(locale)
    texts = layout_texts["unsubscribe"]
    facts = {
        "lang": language,
        "words": texts,
        "subject": texts["done_title"] if done else texts["title"],
        "what": texts["kinds"][kind],
        "done": done,
        "shop_name": shop_name,
        "shop_url": shop_url,
        "unsubscribe": "",
    }
    return _environment().get_template("unsubscribe.html").render(facts)


def check(kind: str, texts: Mapping[str, Any]) -> None:
    """Check that an administrator's texts can be rendered for this kind, within limits. Raises `ValidationFailed`."""
    facts = {
        "shop_name": "Shop",
        "shop_url": "https://shop.example",
        **localization.localize(EXAMPLES, *localization.layout_texts(localization.FALLBACK)),
    }
    for name, value in texts.items():
        try:
            _check_sources(value)
            render_custom_texts({name: value}, facts)
        except RENDERING_ERRORS as error:
            raise ValidationFailed.of(f"text.{name}", f"is not a valid template for {kind}: {error}") from error


def _no_break(text: str, number: str | None) -> Markup:
    """HTML without line breaks within the order number."""
    span = Markup('<span style="white-space:nowrap;">{}</span>').format(number)
    return escape(text).replace(escape(number), span) if number else escape(text)


def _rendered(value: Any, facts: Mapping[str, Any]) -> Any:
    """Render all strings in a structure as templates."""
    if isinstance(value, str):
        return _compiled(value).render(facts)
    if isinstance(value, list):
        return [_rendered(inner, facts) for inner in value]
    if isinstance(value, dict):
        return {name: _rendered(inner, facts) for name, inner in value.items()}
    return value


def _check_sources(value: Any) -> None:
    """Check all strings in a structure. Raises `SecurityError`."""
    if isinstance(value, str):
        check_source(_environment(plain=True), value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_sources(inner)


@lru_cache(maxsize=512)
def _compiled(source: str) -> Any:
    """The compiled template of a text, without escaping: the layout escapes it."""
    return _environment(plain=True).from_string(source)


@lru_cache(maxsize=2)
def _environment(plain: bool = False) -> TemplateSandbox:
    environment = TemplateSandbox(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=False if plain else select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _no_break
    return environment


@lru_cache(maxsize=1)
def _layouts() -> frozenset[str]:
    return frozenset(path.name for path in (HERE / "templates").glob("*.html"))
