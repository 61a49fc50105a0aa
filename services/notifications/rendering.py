"""Templates: Jinja2, sandboxed, HTML escaped; each message as HTML, as text, and in one short line.

A kind's texts are in `texts/LOCALE.json` (what a locale lacks is said in English) and go into one layout; a kind with
a layout of its own has `templates/KIND.html` and `KIND.txt`, whose further words are in `words/LOCALE.json`. An
administrator's version replaces the texts, and such a kind then has the layout of all others, unless only its subject
or short line was changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from markupsafe import Markup, escape

from services.chassis.common.errors import ValidationFailed
from services.notifications.domain.formatting import one_line, spoken
from services.notifications.domain.messages import Message
from services.notifications.sandbox import Sandbox
from services.notifications.sandbox import check as check_source

HERE: Final = Path(__file__).parent
FALLBACK: Final = "en"
EXAMPLES: Final[dict[str, Any]] = {
    "first_name": "Ada", "number": "UM-2026-000042", "discount": None, "method": "standard", "carrier": "UltraPost",
    **{name: {"amount": amount, "currency": "USD"} for name, amount in (
        ("subtotal", 2500), ("shipping", 499), ("tax", 200), ("total", 3199), ("refunded", 3199), ("refund", 1250),
    )},
    "lines": [{
        "title": "Enamel mug, red", "quantity": 2, "unit_price": {"amount": 1250, "currency": "USD"},
        "total": {"amount": 2500, "currency": "USD"},
    }],
    "address": ["Ada Lovelace", "12 St James's Square", "New York, NY 10001", "US"], "reason": "insufficient_funds",
    "tracking_number": "UP0000042", "titles": ["Enamel mug, red"], "title": "Enamel mug", "rating": 5,
    "slug": "enamel-mug", "sku": "MUG-RED", "available": 3, "name": "Sales by country", "rows": 42, "format": "csv",
    "report_id": "0197b1c8", "product_id": "0197b1c8", "link": "https://shop.example/verify-email?token=abc",
    "hours": 24, "minutes": 60,
}  # fmt: skip
"""Facts for previews and test messages."""


@dataclass(frozen=True)
class Rendered:
    """A message as it is sent."""

    subject: str
    html: str
    text: str
    title: str = ""
    short: str = ""
    """One line, for the shop's own list, a telephone, a device."""
    unsubscribe: str = ""
    """Where one click ends messages of this kind (RFC 8058); empty for what nobody can refuse."""


def render(
    message: Message,
    shop_name: str,
    shop_url: str,
    changed: Mapping[str, Any] | None = None,
    unsubscribe: str = "",
) -> Rendered:
    """Fill the templates of the message's kind, with an administrator's texts if there are any (`changed`).

    Raises `jinja2.UndefinedError` for a fact that is missing.
    """
    environment = _environment()
    language, words = words_of(message.locale)
    facts = {"shop_name": shop_name, "shop_url": shop_url, **_localised(message.facts, language, words)}
    texts = {**texts_of(message.kind, message.locale), **(changed or {})}
    said = {name: _filled(value, facts) for name, value in texts.items()}
    subject = one_line(message.subject or said["subject"])
    rewritten = set(changed or {}) - {"subject", "short"}
    layout = message.kind if not rewritten and f"{message.kind}.html" in _own_layouts() else "message"
    frame = {
        "lang": language,
        "words": words.get(message.kind, {}),
        "unsubscribe": unsubscribe,
        "unsubscribe_link": words["unsubscribe_link"],
    }
    everything = {**facts, "rows": [], "button": None, **frame, **said, "subject": subject}
    return Rendered(
        subject=subject,
        html=environment.get_template(f"{layout}.html").render(everything),
        text=environment.get_template(f"{layout}.txt").render(everything),
        title=one_line(said.get("heading") or subject),
        short=one_line(said["short"]),
        unsubscribe=unsubscribe,
    )


def preview(kind: str, locale: str, changed: Mapping[str, Any] | None, shop_name: str, shop_url: str) -> dict[str, str]:
    """A message with made-up facts, part by part."""
    message = Message("preview", kind, "email", "preview", "", "", EXAMPLES, locale)
    unsubscribe = "" if message.transactional else f"{shop_url}/api/v1/notifications/unsubscribe?token=preview"
    shown = render(message, shop_name, shop_url, changed, unsubscribe)
    return {"subject": shown.subject, "html": shown.html, "text": shown.text, "short": shown.short}


def unsubscribe_page(kind: str, locale: str, shop_name: str, shop_url: str, *, done: bool) -> str:
    """The page behind the link in a mail: what it switches off, with one button; or (done) what is off now."""
    language, everything = words_of(locale)
    words = everything["unsubscribe"]
    facts = {
        "lang": language,
        "words": words,
        "subject": words["done_title"] if done else words["title"],
        "what": words["kinds"][kind],
        "done": done,
        "shop_name": shop_name,
        "shop_url": shop_url,
        "unsubscribe": "",
    }
    return _environment().get_template("unsubscribe.html").render(facts)


def texts_of(kind: str, locale: str) -> dict[str, Any]:
    """What a kind says in a language, or in English; `de-AT` is read as `de` when there is no such text."""
    for wanted in (locale, locale.partition("-")[0], FALLBACK):
        if found := _read("texts", wanted).get(kind):
            return dict(found)
    raise LookupError(f"there is no text for {kind}")


def words_of(locale: str) -> tuple[str, dict[str, Any]]:
    """The language that a locale is answered in, and what layouts and pages of our own say in it."""
    for wanted in (locale, locale.partition("-")[0]):
        if found := _read("words", wanted):
            return wanted, found
    return FALLBACK, _read("words", FALLBACK)


def locales() -> list[str]:
    return sorted(path.stem for path in (HERE / "texts").glob("*.json"))


def check(kind: str, texts: Mapping[str, Any]) -> None:
    """Whether texts can be filled with what this kind knows. Raises `ValidationFailed` naming the text."""
    facts = {"shop_name": "Shop", "shop_url": "https://shop.example", **_localised(EXAMPLES, *words_of(FALLBACK))}
    for name, value in texts.items():
        try:
            _checked(value)
            _filled(value, facts)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as broken:
            raise ValidationFailed.of(f"text.{name}", f"is no template for {kind}: {broken}") from broken


def _localised(facts: Mapping[str, Any], language: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as a language says them: amounts, the way of delivery, why a card was refused."""
    said: dict[str, Any] = {name: _amounts(value, language) for name, value in facts.items()}
    if method := facts.get("method"):
        said["method"] = words["methods"].get(method) or method.replace("_", " ").replace("-", " ").capitalize()
    if reason := facts.get("reason"):
        said["reason"] = words["declines"].get(reason) or words["declines"]["generic_decline"]
    return said


def _amounts(value: Any, language: str) -> Any:
    """Amounts are strings afterwards, wherever they stand."""
    if isinstance(value, list):
        return [_amounts(inner, language) for inner in value]
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            return spoken(value["amount"], value["currency"], language)
        return {name: _amounts(inner, language) for name, inner in value.items()}
    return value


def _unbroken(text: str, number: str | None) -> Markup:
    """HTML in which a line doesn't end within an order's number."""
    kept = Markup('<span style="white-space:nowrap;">{}</span>').format(number)
    return escape(text).replace(escape(number), kept) if number else escape(text)


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    """Strings are templates, wherever they stand."""
    if isinstance(value, str):
        return _compiled(value).render(facts)
    if isinstance(value, list):
        return [_filled(inner, facts) for inner in value]
    if isinstance(value, dict):
        return {name: _filled(inner, facts) for name, inner in value.items()}
    return value


def _checked(value: Any) -> None:
    """Raises `SecurityError` for a text that does more than it may."""
    if isinstance(value, str):
        check_source(_environment(plain=True), value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _checked(inner)


@lru_cache(maxsize=512)
def _compiled(source: str) -> Any:
    """A text's template. It isn't escaped here: the layout does that."""
    return _environment(plain=True).from_string(source)


@lru_cache(maxsize=2)
def _environment(plain: bool = False) -> Sandbox:
    environment = Sandbox(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=False if plain else select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment


@lru_cache(maxsize=1)
def _own_layouts() -> frozenset[str]:
    return frozenset(path.name for path in (HERE / "templates").glob("*.html"))


@lru_cache(maxsize=16)
def _read(folder: str, locale: str) -> dict[str, Any]:
    path = HERE / folder / f"{locale}.json"
    return dict(orjson.loads(path.read_bytes())) if path.exists() else {}
