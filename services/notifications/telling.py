"""Telling somebody something: by the channels that they want, each message once, now or when their quiet is over."""

import hashlib
from dataclasses import dataclass, replace

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.notifications.carriers import Carriers
from services.notifications.domain import preferences
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Draft, Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.store import MessageStore

SENT_AT_ONCE = 100
"""How many queued messages one round of the sender takes."""


@dataclass(frozen=True)
class Teller:
    """Works with the store and the carriers of one worker."""

    store: MessageStore
    carriers: Carriers

    def tell(self, draft: Draft) -> None:
        """Tell one person. What they must know goes out now; the rest is left to the sender.

        Raises `ServiceUnavailable` when a carrier is away: the event comes again, and what went out stays out.
        """
        person = self.store.people.find(draft.user_id)
        wanted = person.get("preferences") or (self.store.people.find(draft.email).get("preferences") or {})
        locale = person.get("language") or "en"
        later = None if KINDS[draft.kind].transactional else preferences.quiet_until(wanted, clock.now())
        away: ServiceUnavailable | None = None
        queued = []
        for message in self._messages(draft, person, wanted, locale):
            if message.channel == "in_app":
                self.store.messages.keep_in_app(message, self.carriers.render(message, self.store))
            elif not message.transactional:
                queued.append(message)
            else:
                away = self._send(message) or away
        if queued:
            self.store.messages.queue(queued, later or clock.now())
        if away is not None:
            raise away

    def work_off(self) -> int:
        """Send what is queued and due, the most urgent first; how many messages were tried."""
        for number in range(SENT_AT_ONCE):
            message = self.store.messages.next_queued()
            if message is None:
                return number
            try:
                self.carriers.carry(message, self.carriers.render(message, self.store), self.store)
            except AddressRefused as refused:
                self._refused(message, str(refused))
            except ServiceUnavailable as away:
                self.store.messages.try_again(message, away.message)
            else:
                self.store.messages.sent(message)
        return SENT_AT_ONCE

    def _messages(
        self, draft: Draft, person: dict[str, object], wanted: preferences.Preferences, locale: str
    ) -> list[Message]:
        """One for each channel and device that reaches this person."""
        found = []
        if preferences.wants(wanted, draft.kind, "in_app") and draft.user_id:
            found.append(draft.message("in_app", draft.user_id, locale))
        if preferences.wants(wanted, draft.kind, "email") and draft.email:
            transactional = KINDS[draft.kind].transactional
            if transactional or not self.store.people.has_bounced(draft.email):
                found.append(draft.message("email", draft.email, locale))
        phone = person.get("phone")
        if preferences.wants(wanted, draft.kind, "sms") and isinstance(phone, str) and self.carriers.texter:
            found.append(draft.message("sms", phone, locale))
        if draft.user_id and self.carriers.push.is_on and preferences.wants(wanted, draft.kind, "push"):
            devices = [str(device["_id"]) for device in self.store.people.devices_of(draft.user_id)]
            found += [_for_device(draft.message("push", device, locale)) for device in devices]
        return found

    def _send(self, message: Message) -> ServiceUnavailable | None:
        """Send a message that was not sent yet; what stands in the way, if it may pass."""
        rendered = self.carriers.render(message, self.store)
        try:
            if not self.store.messages.take_on(message):
                return None
        except ServiceUnavailable as busy:
            return busy
        try:
            self.carriers.carry(message, rendered, self.store)
        except AddressRefused as refused:
            self._refused(message, str(refused))
        except ServiceUnavailable as away:
            self.store.messages.put_back(message)
            return away
        else:
            self.store.messages.sent(message)
        return None

    def _refused(self, message: Message, reason: str) -> None:
        self.store.messages.refused(message, reason)
        if message.channel == "email":
            self.store.people.mark_bounced(message.to, reason)


def _for_device(message: Message) -> Message:
    """Each device gets a message of its own."""
    return replace(message, id=f"{message.id}:{hashlib.sha256(message.to.encode()).hexdigest()[:12]}")
