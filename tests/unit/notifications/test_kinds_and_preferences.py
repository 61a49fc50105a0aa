"""Notification kinds render in every language; preferences, quiet hours and unsubscribing decide what is sent."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_flask.testing import settings as gateway_settings
from services.chassis.common.errors import NotFound, ValidationFailed
from services.notifications import custom_texts, localization, rendering
from services.notifications.custom_texts import TextRefused
from services.notifications.domain import preferences, unsubscribe_tokens
from services.notifications.domain.kinds import CHANNELS, KINDS
from services.notifications.domain.messages import Message
from services.notifications.providers.mime import compose
from services.notifications.settings import NotificationSettings

NIGHT = {"from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin"}


def render(kind: str, locale: str, custom_texts: dict[str, Any] | None = None) -> rendering.Rendered:
    message = Message("1", kind, "email", "u", "a@example.com", "", rendering.EXAMPLES, locale)
    return rendering.render(message, "Shop", "https://shop.example", custom_texts)


@pytest.mark.parametrize("locale", [*localization.locales(), "fr", "de-AT"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_renders_in_every_locale(kind: str, locale: str) -> None:
    rendered = render(kind, locale)

    assert rendered.subject
    assert rendered.short
    assert len(rendered.short) <= 160
    for part in (rendered.html, rendered.text):
        assert "Shop" in part
        assert "{{" not in part
        assert "None" not in part


def test_missing_text_falls_back_to_english() -> None:
    assert render("order_shipped", "de-AT").title == "Ihr Paket ist unterwegs"
    assert render("order_shipped", "fr").title == "It is on its way"


def literals(value: Any) -> set[str]:
    """The literal phrases of a text, without its variables."""
    if isinstance(value, dict):
        return {phrase for name, inner in value.items() if name != "url" for phrase in literals(inner)}
    if isinstance(value, list):
        return {phrase for inner in value for phrase in literals(inner)}
    parts = (part.strip(" .,:;“”()|*") for part in re.split(r"\{\{.*?\}\}|\{%.*?%\}|\{\w+\}", value))
    return {part for part in parts if sum(char.isalpha() for char in part) >= 3}


@pytest.mark.parametrize("locale", [locale for locale in localization.locales() if locale != "en"])
def test_translation_is_complete(locale: str) -> None:
    """Every kind, every row and button, and the layout texts."""
    for folder in ("message_texts", "layout_texts"):
        english, translation = (localization._read(folder, locale_) for locale_ in ("en", locale))
        assert shape(translation) == shape(english)
    english_layout_texts = localization.layout_texts("en")[1]
    for kind in KINDS:
        rendered = render(kind, locale)
        assert rendered.subject != render(kind, "en").subject
        assert f'<html lang="{locale}">' in rendered.html
        phrases = literals([localization.message_texts(kind, "en"), english_layout_texts.get(kind, {})])
        untranslated = [
            phrase
            for phrase in phrases
            for part in (rendered.html, rendered.text)
            if re.search(rf"\b{re.escape(phrase)}\b", part)
        ]
        assert untranslated == [], kind


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("locale", localization.locales())
def test_unsubscribe_page_names_the_kind(locale: str, *, done: bool) -> None:
    for kind in (kind for kind, definition in KINDS.items() if not definition.transactional):
        page = rendering.unsubscribe_page(kind, locale, "<Shop>", "https://shop.example", done=done)

        assert localization.layout_texts(locale)[1]["unsubscribe"]["kinds"][kind] in page
        assert page.count("<button") == (0 if done else 1)
        assert "&lt;Shop&gt;" in page


def test_custom_texts_are_used_and_escaped() -> None:
    rendered = render("order_shipped", "en", {"heading": "<b>Off it goes</b>, {{ number }}"})

    assert "&lt;b&gt;Off it goes&lt;/b&gt;, UM-2026-000042" in rendered.html
    assert rendered.title == "<b>Off it goes</b>, UM-2026-000042"
    assert "UltraPost" in rendered.text


@pytest.mark.parametrize(
    "broken",
    [
        "{{ nothing_of_ours }}",
        "{{ ",
        "{% for x in y %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ number.__class__ }}",
        "{% include 'base.html' %}{{ nothing }}",
    ],
)
def test_invalid_or_unsafe_template_is_refused(broken: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rendering.check("order_shipped", {"heading": broken})

    assert refused.value.details[0]["field"] == "text.heading"


def test_default_preferences_and_transactional_mail() -> None:
    empty: dict[str, Any] = {}

    assert preferences.wants(empty, "order_shipped", "sms") is True
    assert preferences.wants(empty, "review_published", "sms") is False
    assert preferences.wants({"kinds": {"review_published": {"email": False}}}, "review_published", "email") is False
    assert preferences.wants({"kinds": {"order_shipped": {"email": False}}}, "order_shipped", "email") is True
    assert preferences.wants({"kinds": {"order_shipped": {"sms": False}}}, "order_shipped", "sms") is False
    with_defaults = preferences.with_defaults(empty)
    assert {kind: set(channels) for kind, channels in with_defaults["kinds"].items()} == {
        kind: set(CHANNELS) for kind in KINDS
    }


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.transactional])
def test_transactional_mail_cannot_be_turned_off(kind: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        preferences.check({"kinds": {kind: {"email": False}}})

    assert refused.value.details[0]["field"] == f"kinds.{kind}.email"


@pytest.mark.parametrize(
    ("utc", "until"),
    [
        ("2026-01-10T20:59:00", None),
        ("2026-01-10T21:00:00", "2026-01-11T06:00:00"),
        ("2026-01-11T03:00:00", "2026-01-11T06:00:00"),
        ("2026-01-11T06:00:00", None),
        ("2026-07-10T20:00:00", "2026-07-11T05:00:00"),
    ],
)
def test_quiet_hours_cross_midnight_in_local_time(utc: str, until: str | None) -> None:
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)

    ends = preferences.quiet_hours_end({"quiet_hours": NIGHT}, now)

    assert ends == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)
    assert preferences.quiet_hours_end({}, now) is None


@given(st.text(min_size=1, max_size=60), st.sampled_from(sorted(KINDS)))
def test_unsubscribe_token_round_trip_and_forgery(recipient: str, kind: str) -> None:
    recipient = recipient.encode(errors="replace").decode()
    token = unsubscribe_tokens.create(recipient, kind, b"secret")

    assert unsubscribe_tokens.parse(token, b"secret") == (recipient, kind)
    for forged in (token[:-1], f"x{token}", "x", token.replace(".", "")):
        with pytest.raises(NotFound):
            unsubscribe_tokens.parse(forged, b"secret")
    with pytest.raises(NotFound):
        unsubscribe_tokens.parse(token, b"another")


@pytest.mark.parametrize("token", ["a.é", "é.é", "a.\udce9", "\udce9.a", ".", "a.\x00", "a.b.c", "=.=", "٣.٣"])
def test_odd_unsubscribe_token_is_not_found(token: str) -> None:
    with pytest.raises(NotFound, match="There is no such link"):
        unsubscribe_tokens.parse(token, b"secret")


def test_only_optional_mail_has_unsubscribe_header() -> None:
    message = Message("1", "back_in_stock", "email", "u", "a@example.com", "", rendering.EXAMPLES)
    without_link = render("back_in_stock", "en")
    with_link = rendering.Rendered(
        without_link.subject, without_link.html, without_link.text, unsubscribe="https://shop.example/u?token=t"
    )

    raw = compose(message, with_link, "Shop <a@shop.example>").content.decode()

    assert "List-Unsubscribe: <https://shop.example/u?token=t>\r\n" in raw
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert "List-Unsubscribe" not in compose(message, without_link, "Shop <a@shop.example>").content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 999999999 }}", "{{ 999999999 * 'x' }}", "{{ ['x'] * 999999999 }}", "{{ 9 ** 9 ** 9 }}",
        "{{ '%0999999999d' % 1 }}", "{% for i in range(999999999) %}x{% endfor %}", "{{ 'x'.ljust(999999999) }}",
        "{{ 'x' | center(999999999) }}", "{{ 'abc' | join('abc') | join('abc') }}", "{{ 1 // 0 }}",
        "{% for a in lines %}{% for b in lines %}x{% endfor %}{% endfor %}", "{% macro m() %}{% endmacro %}",
        "{% include 'base.html' %}", "{{ lipsum(9) }}", "{{ ''.__class__ }}", "{{ nope }}", "{{ first_name",
        "{% for a in 'x' * 9999 %}{{ 'x' * 9999 }}{% endfor %}", "{% for a in 'x' * 9999 %}xyz{% endfor %}",
        "{% set a = 'x' * 9999 %}" + "{% set a = a ~ a %}" * 20,
        "{% set a = 'x' * 9999 %}" + "{% set a = a + a %}" * 20,
        "{% set a = 9999 %}" + "{% set a = a * a %}" * 30 + "{{ a }}",
        "{% set b = 'x' * 9999 %}{% for a in b %}" + "{% if b ~ a == a ~ b %}y{% endif %}" * 30 + "{% endfor %}",
    ],
)  # fmt: skip
def test_expensive_template_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rendering.check("order_confirmed", {"subject": "Thanks", "paragraphs": ["Dear {{ first_name }}", text]})
    assert [detail["field"] for detail in refused.value.details] == ["text.paragraphs"]


def test_text_that_was_stored_before_is_bounded_as_well() -> None:
    stored = {"subject": "{% for a in 'x' * 9999 %}{{ 'x' * 9999 }}{% endfor %}"}

    with pytest.raises(TextRefused, match="more than 20000 characters"):
        rendering.preview("order_confirmed", "en", stored, "Shop", "https://shop.example")


def test_worker_that_was_killed_is_replaced() -> None:
    texts, facts = {"subject": "Hello {{ name }}"}, {"name": "Ada"}

    first = custom_texts.render(texts, facts)
    for worker in custom_texts._workers()._idle:
        worker.process.kill()
        worker.process.wait()

    assert first == custom_texts.render(texts, facts) == {"subject": "Hello Ada"}


def test_template_allows_conditions_and_one_loop() -> None:
    loop = "{% for line in lines %}{{ line.title | upper }}: {{ line.total }} {% endfor %}"
    texts = {"paragraphs": [loop, "{{ '★' * rating }}{% if discount %}!{% endif %}"]}
    rendering.check("order_confirmed", texts)

    text = rendering.preview("order_confirmed", "en", texts, "Shop", "https://shop.example")["text"]
    assert "ENAMEL MUG, RED: $25.00" in text
    assert "★★★★★" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locale", localization.locales())
def test_own_texts_pass_the_template_sandbox(kind: str, locale: str) -> None:
    texts = {name: text for name, text in localization.message_texts(kind, locale).items() if name != "rows"}

    rendering.check(kind, texts)

    text = rendering.preview(kind, locale, texts, "Shop", "https://shop.example")["text"]
    assert text.strip()
    assert "{{" not in text


def test_staff_address_is_the_senders_unless_set() -> None:
    stores = gateway_settings().model_dump(
        include={"amqp_url", "postgres_url", "mongo_url", "redis_url", "kafka_bootstrap"}
    )
    settings = NotificationSettings(
        **stores, secret_key="s" * 16, mail_from="My Shop <orders@shop.example>", staff_email=""
    )

    assert settings.staff_address == "orders@shop.example"
    assert settings.model_copy(update={"staff_email": "staff@shop.example"}).staff_address == "staff@shop.example"
