"""Texts of a kind of message as administrators edit them."""

from typing import Any

from services.notifications import localization
from services.notifications.store.templates import Templates


def resource(templates: Templates, kind: str, locale: str) -> dict[str, Any]:
    """The resource `schemas.api.notification_templates.Template`: the texts in force, and the stored versions."""
    custom_texts = templates.current(kind, locale)
    return {
        "kind": kind,
        "locale": locale,
        "text": {**localization.message_texts(kind, locale), **(custom_texts["text"] if custom_texts else {})},
        "version": custom_texts["version"] if custom_texts else 0,
        "versions": templates.versions(kind, locale),
    }
