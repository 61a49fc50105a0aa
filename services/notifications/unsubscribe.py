"""Unsubscribe links of non-transactional mails: their page and their effect."""

from services.chassis.common.errors import NotFound
from services.notifications import localization, rendering
from services.notifications.domain import unsubscribe_tokens
from services.notifications.domain.kinds import KINDS
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore


def show_page(store: MessageStore, settings: NotificationSettings, token: str) -> dict[str, str]:
    """The page of the link: `{kind, page}`. Changes nothing. Raises `NotFound`."""
    recipient, kind = _parse_token(token, settings)
    return {"kind": kind, "page": _page(store, settings, recipient, kind, done=False)}


def unsubscribe(store: MessageStore, settings: NotificationSettings, token: str) -> dict[str, str]:
    """Turn off mails of the link's kind for its recipient; idempotent. Returns `{kind, page}`. Raises `NotFound`."""
    recipient, kind = _parse_token(token, settings)
    store.recipients.unsubscribe(recipient, kind)
    return {"kind": kind, "page": _page(store, settings, recipient, kind, done=True)}


def _parse_token(token: str, settings: NotificationSettings) -> tuple[str, str]:
    recipient, kind = unsubscribe_tokens.parse(token, settings.link_key)
    if KINDS[kind].transactional:
        raise NotFound("There is no such link")
    return recipient, kind


def _page(store: MessageStore, settings: NotificationSettings, recipient: str, kind: str, *, done: bool) -> str:
    locale = store.recipients.find(recipient).get("language") or localization.FALLBACK
    return rendering.unsubscribe_page(kind, locale, settings.shop_name, settings.shop_url, done=done)
