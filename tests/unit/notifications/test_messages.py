"""Formatting, drafts, rendering and MIME messages."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from schemas.events.auth import EmailVerified
from schemas.events.base import Event, EventMeta
from schemas.events.orders import OrderConfirmed, OrderFailed
from schemas.signed.order_keys import access_key
from services.notifications.domain import drafts
from services.notifications.domain.formatting import address_lines, format_amount, one_line
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Draft, Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.providers.mime import compose
from services.notifications.rendering import EXAMPLES, Rendered, render

SENDER = "UltraMarket <orders@ultramarket.example>"
ADDRESS = {"name": "Ada", "line1": "1 Main St", "city": "Springfield", "postal_code": "62704", "country": "US"}


def published(event: Event) -> Any:
    time = datetime(2026, 5, 4, tzinfo=UTC)
    event._meta = EventMeta(id="e1", source=event.source, type=event.type, subject="s", time=time)
    return event


def order(**values: Any) -> OrderConfirmed:
    item = {"sku": "MUG", "product_id": "p", "title": "Mug", "quantity": 2, "unit_price": 1250, "line_total": 2500}
    fields: dict[str, Any] = {
        "order_id": "o", "number": "UM-1", "user_id": None, "email": "ada@example.com", "currency": "USD",
        "items": [item], "shipping_address": ADDRESS, "shipping_method": "standard", "payment_id": "p",
        "totals": {"subtotal": 2500, "discount": 0, "shipping": 499, "tax": 200, "total": 3199},
        "cart_id": "c", "cart_version": 1,
    }  # fmt: skip
    return published(OrderConfirmed(**{**fields, **values}))


ORDER_LINK = "https://shop.example/orders/1?key=k"


def welcome_draft(first_name: str = "Ada", email: str = "ada@example.com") -> Draft:
    person = {"first_name": first_name, "email": email}
    return drafts.welcome(published(EmailVerified(user_id="u")), person)


def by_mail(draft: Draft) -> Message:
    return draft.message("email", str(draft.email), "en")


def rendered(message: Message) -> Rendered:
    return render(message, "Shop", "https://shop.example")


def composed(message: Message, mail: Rendered | None = None) -> EmailMessage:
    """The composed mail, parsed as a mail client does."""
    raw = compose(message, mail or rendered(message), SENDER).content
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123_450, "USD", "$1,234.50"),
        (5, "EUR", "€0.05"),
        (-1500, "GBP", "-£15.00"),
        (1500, "JPY", "¥1,500"),
        (1500, "KWD", "KWD\N{NO-BREAK SPACE}1.500"),
        (1234, "HUF", "HUF\N{NO-BREAK SPACE}12.34"),
        (1500, "RWF", "RWF\N{NO-BREAK SPACE}1,500"),
        (99, "SEK", "SEK\N{NO-BREAK SPACE}0.99"),
    ],
)
def test_amount_in_english(amount: int, currency: str, text: str) -> None:
    assert format_amount(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123_456_789, "EUR", "1.234.567,89\N{NO-BREAK SPACE}€"),
        (5, "USD", "0,05\N{NO-BREAK SPACE}$"),
        (-1500, "CHF", "-15,00\N{NO-BREAK SPACE}CHF"),
        (1500, "JPY", "1.500\N{NO-BREAK SPACE}¥"),
    ],
)
def test_amount_in_german(amount: int, currency: str, text: str) -> None:
    assert format_amount(amount, currency, "de") == text


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD", "CHF"]), st.sampled_from(["en", "de"]))
def test_amount_keeps_every_digit(amount: int, currency: str, language: str) -> None:
    digits = "".join(char for char in format_amount(amount, currency, language) if char.isdigit())
    assert int(digits) == abs(amount)
    assert format_amount(amount, currency, language).startswith("-") == (amount < 0)


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({}, ["Ada", "1 Main St", "Springfield 62704", "US"]),
        ({"region": "IL"}, ["Ada", "1 Main St", "Springfield, IL 62704", "US"]),
        ({"line2": "Flat 2", "country": "DE"}, ["Ada", "1 Main St", "Flat 2", "62704 Springfield", "DE"]),
        ({"region": "Bayern", "country": "DE"}, ["Ada", "1 Main St", "62704 Springfield, Bayern", "DE"]),
    ],
)
def test_address_lines(values: dict[str, str], lines: list[str]) -> None:
    assert address_lines(ADDRESS | values) == lines


@given(st.text())
def test_one_line_is_printable_and_idempotent(text: str) -> None:
    line = one_line(text)
    assert line == one_line(line)
    assert line.splitlines() in ([], [line])
    assert line.isprintable()


def test_order_confirmation_has_all_amounts() -> None:
    totals = {"subtotal": 2500, "discount": 300, "shipping": 499, "tax": 200, "total": 2899}
    message = by_mail(drafts.order_confirmed(order(totals=totals), ORDER_LINK))

    mail = rendered(message)

    assert (message.recipient, message.to) == ("ada@example.com", "ada@example.com")
    assert mail.subject == "Shop: order UM-1 is confirmed"
    for part in (mail.html, mail.text):
        for text in (
            "$12.50",
            "$25.00",
            "-$3.00",
            "$4.99",
            "$2.00",
            "$28.99",
            "UM-1",
            "Mug",
            "Springfield",
            "Standard",
        ):
            assert text in part


def test_order_confirmation_in_german() -> None:
    totals = {"subtotal": 123_456, "discount": 300, "shipping": 0, "tax": 200, "total": 123_356}
    draft = drafts.order_confirmed(order(totals=totals, currency="EUR", shipping_method="express"), ORDER_LINK)

    mail = rendered(draft.message("email", "ada@example.com", "de-AT"))

    for part in (mail.html, mail.text):
        for text in ("1.234,56\xa0€", "-3,00\xa0€", "1.233,56\xa0€", "12,50\xa0€", "Expressversand"):
            assert text in part
        assert "Vereinigte Staaten" in part
        assert "€1" not in part
    assert "Versand: kostenlos" in mail.text
    assert draft.facts["total"] == {"amount": 123_356, "currency": "EUR"}


@pytest.mark.parametrize(
    ("code", "reason", "locale", "expected"),
    [
        ("PAYMENT_DECLINED", "The payment was declined: insufficient_funds", "en", "The card has insufficient funds."),
        ("PAYMENT_DECLINED", "The payment was declined: insufficient_funds", "de", "nicht ausreichend gedeckt."),
        ("PAYMENT_DECLINED", "The payment was declined: try_again_later", "en", "Your bank declined the payment."),
        ("PAYMENT_ACTION_REQUIRED", "The payment was not confirmed in time", "en", "was not approved in time."),
    ],
)
def test_decline_code_is_translated(code: str, reason: str, locale: str, expected: str) -> None:
    failed = OrderFailed(
        order_id="o", number="UM-1", user_id=None, email="a@example.com", code=code, reason=reason, total=3199,
        currency="USD",
    )  # fmt: skip
    mail = rendered(drafts.payment_failed(published(failed)).message("email", "a@example.com", locale))
    assert expected in mail.text
    assert "_" not in mail.text


@pytest.mark.parametrize("locale", ["en", "de"])
def test_order_number_is_not_broken(locale: str) -> None:
    for kind in ("order_confirmed", "order_shipped", "order_delivered", "order_cancelled", "order_refunded"):
        message = Message("m", kind, "email", "a@example.com", "a@example.com", "", EXAMPLES, locale)
        mail = rendered(message)
        assert '<span style="white-space:nowrap;">UM-2026-000042</span>' in mail.html
        assert "span" not in mail.text


def test_missing_amounts_are_not_shown() -> None:
    totals = {"subtotal": 2500, "discount": 0, "shipping": 0, "tax": 0, "total": 2500}
    mail = rendered(by_mail(drafts.order_confirmed(order(totals=totals), ORDER_LINK)))
    assert "Discount" not in mail.text + mail.html
    assert "Shipping: free" in mail.text
    assert "None" not in mail.text + mail.html


def test_names_and_titles_are_escaped_in_html() -> None:
    script = "<script>alert(1)</script>"
    item = {"sku": "A", "product_id": "p", "title": script, "quantity": 1, "unit_price": 1, "line_total": 1}
    confirmed = rendered(
        by_mail(drafts.order_confirmed(order(items=[item], shipping_address=ADDRESS | {"name": script}), ORDER_LINK))
    )
    welcome = rendered(by_mail(welcome_draft(first_name=script)))
    for mail in (confirmed, welcome):
        assert "<script>" not in mail.html
        assert "&lt;script&gt;" in mail.html
        assert script in mail.text


def test_template_syntax_in_names_is_text() -> None:
    welcome = rendered(by_mail(welcome_draft(first_name="{{ 7 * 7 }}")))
    assert "{{ 7 * 7 }}" in welcome.text
    assert "49" not in welcome.text


def test_guests_order_link_has_the_key_of_the_order() -> None:
    guest, customer = (drafts.order_link("https://shop.example", "o-1", user, b"s" * 16) for user in (None, "u-1"))
    confirmed = rendered(by_mail(drafts.order_confirmed(order(), guest)))

    assert guest == f"https://shop.example/orders/o-1?key={access_key(b's' * 16, 'o-1')}"
    assert customer == "https://shop.example/orders/o-1"
    assert guest in confirmed.text
    assert f'href="{guest}"' in confirmed.html


def test_missing_fact_raises() -> None:
    with pytest.raises(UndefinedError):
        rendered(Message("1", "welcome", "email", "u", "a@example.com", "Hello", {}))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x0b", "\x85"])
def test_name_cannot_inject_headers(end: str) -> None:
    message = by_mail(welcome_draft(first_name=f"Ada{end}Bcc: all@example.com{end}{end}Hello"))

    mail = composed(message)

    assert mail["Bcc"] is None
    assert mail["Subject"] == "Welcome to Shop, Ada Bcc: all@example.com Hello"
    assert mail.is_multipart()


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?=0D=0ABcc:_all@example.com?=", "A =?utf-8?b?4oCuRVZJTA==?= B", "=?x?", "=?utf-8?q?a?=" * 20]
)
def test_encoded_word_in_a_name_is_text(name: str) -> None:
    """RFC 2047: what looks like an encoded word would be decoded by the mail client, line ends and all."""
    mail = composed(by_mail(welcome_draft(first_name=name)))

    assert (mail["Subject"], mail["Bcc"]) == (f"Welcome to Shop, {name}", None)


@pytest.mark.parametrize(
    "to", ["", "nobody", "a@b\r\nBcc: c@example.com", "a@example.com, b@example.com", "@", "a@" + "x" * 64]
)
def test_invalid_address_is_refused(to: str) -> None:
    message = Message("1", "welcome", "email", "u", to, "Hello", {"first_name": "Ada"})
    with pytest.raises(AddressRefused):
        compose(message, rendered(message), SENDER)


def test_mail_has_both_parts_and_message_id() -> None:
    message = by_mail(welcome_draft(first_name="Zoë", email="zoe@müller.example"))

    mail, again = (composed(message) for _ in range(2))

    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "Welcome, Zoë" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mail["To"] == "zoe@xn--mller-kva.example"
    assert (mail["Auto-Submitted"], mail["X-UltraMarket-Kind"]) == ("auto-generated", "welcome")
    assert mail["From"] == SENDER
    assert mail["Message-ID"] == again["Message-ID"]


@given(st.text(max_size=300), st.text(max_size=300))
def test_mail_content_survives_encoding(subject: str, text: str) -> None:
    message = Message("1", "welcome", "email", "u", "a@example.com", subject)
    text = text.encode(errors="replace").decode()

    mail = composed(message, Rendered(one_line(subject), f"<p>{text}</p>", text))

    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert lines(plain) == lines(text)
    assert lines(html) == lines(f"<p>{text}</p>")
    assert mail["Subject"] == one_line(subject)
    assert (mail["Bcc"], len(mail.items())) == (None, 9)


def lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["subject", "heading", "short"])
def test_each_text_can_be_customized_alone(kind: str, name: str) -> None:
    message = Message("m", kind, "email", "ada@example.com", "ada@example.com", "", EXAMPLES)

    mail = render(message, "Shop", "https://shop.example", {name: "Changed {{ shop_name }}"})

    assert "Changed Shop" in {"subject": mail.subject, "heading": mail.html, "short": mail.short}[name]
    assert "None" not in mail.text
