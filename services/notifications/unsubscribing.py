"""The link in a mail that isn't transactional: a page that says what it is about, and the click that ends it."""

from services.chassis.common.errors import NotFound
from services.notifications import rendering
from services.notifications.domain import links
from services.notifications.domain.kinds import KINDS
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore


def show(store: MessageStore, settings: NotificationSettings, token: str) -> dict[str, str]:
    """What the link would switch off: `{kind, page}`. Raises `NotFound`."""
    recipient, kind = _read(token, settings)
    return {"kind": kind, "page": _page(store, settings, recipient, kind, done=False)}


def switch_off(store: MessageStore, settings: NotificationSettings, token: str) -> dict[str, str]:
    """No more mails of this kind to this person; again is the same. Raises `NotFound`."""
    recipient, kind = _read(token, settings)
    store.people.unsubscribe(recipient, kind)
    return {"kind": kind, "page": _page(store, settings, recipient, kind, done=True)}


def _read(token: str, settings: NotificationSettings) -> tuple[str, str]:
    recipient, kind = links.read(token, settings.link_key)
    if KINDS[kind].transactional:
        raise NotFound("There is no such link")
    return recipient, kind


def _page(store: MessageStore, settings: NotificationSettings, recipient: str, kind: str, *, done: bool) -> str:
    locale = store.people.find(recipient).get("language") or rendering.FALLBACK
    return rendering.unsubscribe_page(kind, locale, settings.shop_name, settings.shop_url, done=done)
