"""Notifications service: sends messages about events by the recipients' channels."""

from typing import Any

from schemas.api.notification_templates import MessageText, SaveTemplate
from schemas.api.notifications import DeviceRequest, KindName, Locale, MessageId, PageQuery, PreferencesWrite
from schemas.base import Email, Id, Sku
from schemas.caller import Caller
from schemas.rpc.notifications import NotificationsRpc
from services.chassis.common.errors import NotFound, ValidationFailed
from services.chassis.common.paging import Paging
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.outbound.addresses import OutboundRefused
from services.chassis.runtime.service import Service
from services.notifications import localization, rendering, template_texts, unsubscribe
from services.notifications.domain import preferences
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Message
from services.notifications.event_handlers import EventHandlers
from services.notifications.providers.interface import AddressRefused


class NotificationsService(EventHandlers, PersonalDataHandlers, Service):
    """RPC methods, beside the handlers of events and the sender of queued messages."""

    name = "notifications"

    # -- in-app messages and preferences----------------------------------------------------------------------------

    @implements(NotificationsRpc.list_own)
    def list_own(self, page: PageQuery, caller: Caller) -> Json:
        return self.store.messages.list_in_app(str(caller.user_id), Paging.of(page))

    @implements(NotificationsRpc.unread_count)
    def unread_count(self, caller: Caller) -> Json:
        return {"count": self.store.messages.count_unread(str(caller.user_id))}

    @implements(NotificationsRpc.mark_read)
    def mark_read(self, caller: Caller, message_id: MessageId | None = None) -> Json:
        return {"read": self.store.messages.mark_read(str(caller.user_id), message_id)}

    @implements(NotificationsRpc.get_preferences)
    def get_preferences(self, caller: Caller) -> Json:
        return _preferences(self.store.recipients.find(str(caller.user_id)))

    @implements(NotificationsRpc.set_preferences)
    def set_preferences(self, chosen: PreferencesWrite, caller: Caller, expected_version: int | None = None) -> Json:
        stored = chosen.model_dump(mode="json", by_alias=True, exclude_none=True)
        preferences.check(stored)
        return _preferences(self.store.recipients.set_preferences(str(caller.user_id), stored, expected_version))

    @implements(NotificationsRpc.unsubscribe)
    def unsubscribe(self, token: str) -> Json:
        return unsubscribe.unsubscribe(self.store, self.settings, token)

    @implements(NotificationsRpc.unsubscribe_page)
    def unsubscribe_page(self, token: str) -> Json:
        return unsubscribe.show_page(self.store, self.settings, token)

    @implements(NotificationsRpc.push_key)
    def push_key(self) -> Json:
        return {"public_key": self.channels.push.public_key()}

    @implements(NotificationsRpc.add_device)
    def add_device(self, device: DeviceRequest, caller: Caller) -> None:
        try:
            self.channels.push.check(device.endpoint)
        except OutboundRefused as refused:
            raise ValidationFailed.of("endpoint", str(refused)) from refused
        self.store.recipients.add_device(str(caller.user_id), device.endpoint, device.keys.model_dump())

    @implements(NotificationsRpc.remove_device)
    def remove_device(self, endpoint: str, caller: Caller) -> None:
        self.store.recipients.remove_device(endpoint, str(caller.user_id))

    @implements(NotificationsRpc.subscribe_back_in_stock)
    def subscribe_back_in_stock(self, sku: Sku, caller: Caller, email: Email | None = None) -> None:
        address = email or caller.email
        if address is None:
            raise ValidationFailed.of("email", "is required without an account")
        if self.store.recipients.product_of(sku) is None:
            raise NotFound("There is no such product", [{"field": "sku", "sku": sku}])
        self.store.recipients.add_waiting(sku, caller.user_id, address)

    # -- administrators --------------------------------------------------------------------------------------------

    @implements(NotificationsRpc.deliveries)
    def deliveries(self, recipient: str, page: PageQuery, caller: Caller) -> Json:
        return self.store.messages.deliveries(recipient, Paging.of(page))

    @implements(NotificationsRpc.templates)
    def templates(self, caller: Caller) -> Json:
        locales = localization.locales()
        return [
            {"kind": kind, "transactional": fields.transactional, "channels": list(fields.channels), "locales": locales}
            for kind, fields in KINDS.items()
        ]

    @implements(NotificationsRpc.template)
    def template(self, kind: KindName, caller: Caller, locale: Locale = "en") -> Json:
        return template_texts.resource(self.store.templates, kind, locale)

    @implements(NotificationsRpc.save_template)
    def save_template(self, command: SaveTemplate) -> Json:
        text = command.text.model_dump(exclude_none=True)
        rendering.check(command.kind, text)
        by = command.caller.user_id
        self.store.templates.save(command.kind, command.locale, text, command.version, by)
        return template_texts.resource(self.store.templates, command.kind, command.locale)

    @implements(NotificationsRpc.preview)
    def preview(self, kind: KindName, caller: Caller, locale: Locale = "en", text: MessageText | None = None) -> Json:
        if custom_texts := text.model_dump(exclude_none=True) if text else None:
            rendering.check(kind, custom_texts)
        elif template := self.store.templates.current(kind, locale):
            custom_texts = template["text"]
        return rendering.preview(kind, locale, custom_texts, self.settings.shop_name, self.settings.shop_url)

    @implements(NotificationsRpc.send_test)
    def send_test(self, kind: KindName, to: Email, test_id: Id, caller: Caller, locale: Locale = "en") -> None:
        message = Message(f"{test_id}:email", kind, "email", to, to, "", rendering.EXAMPLES, locale)
        try:
            self.channels.send(message, self.channels.render(message, self.store), self.store)
        except AddressRefused as error:
            raise ValidationFailed.of("to", f"is rejected by the mail server: {error}") from error

    def personal_data(self, person: Person) -> Sections:
        return self.store.persons.of(person)

    def erase_person(self, person: Person) -> None:
        self.store.persons.erase(person)


def _preferences(person: dict[str, Any]) -> Json:
    """A person's preferences; their version is 1 and the number of changes."""
    version = int(person.get("preferences_version", 0)) + 1
    return preferences.with_defaults(person.get("preferences") or {}) | {"version": version}
