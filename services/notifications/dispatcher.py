"""Notification dispatcher: one message per channel of a draft, sent at once or queued."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.messaging.personal_data import is_erased_address
from services.notifications.channels import Channels
from services.notifications.domain import preferences
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.messages import Draft, Message
from services.notifications.providers.interface import AddressRefused
from services.notifications.rendering import RENDERING_ERRORS
from services.notifications.store import MessageStore

DRAIN_BATCH_SIZE = 100
"""Maximum number of queued messages that one `drain` sends."""


@dataclass(frozen=True)
class NotificationDispatcher:
    """Dispatches drafts with the store and channels of one worker."""

    store: MessageStore
    channels: Channels

    def dispatch(self, draft: Draft) -> None:
        """Dispatch one draft: `dispatch_all`."""
        self.dispatch_all([draft])

    def dispatch_all(self, drafts: Sequence[Draft]) -> None:
        """Dispatch drafts: transactional messages are sent now, others are queued, until after quiet hours.

        Raises `ServiceUnavailable` after a temporary failure: the events are retried, and sent messages are not
        repeated. Nobody gets messages about an erased person's orders.
        """
        people = self.store.recipients.find_all(id for draft in drafts for id in (draft.user_id, draft.email))
        sent_now: list[Message] = []
        for draft in drafts:
            person = people.get(draft.user_id or "", {})
            if is_erased_address(draft.email) or not _is_wanted(draft.kind, person):
                continue
            chosen = person.get("preferences") or people.get(draft.email or "", {}).get("preferences") or {}
            locale = person.get("language") or "en"
            queued = []
            for message in self._messages(draft, person, chosen, locale):
                if message.channel == "in_app":
                    self.store.messages.add_in_app(message, self.channels.render(message, self.store))
                elif message.transactional:
                    sent_now.append(message)
                else:
                    queued.append(message)
            if queued:
                self.store.messages.queue(queued, preferences.quiet_hours_end(chosen, clock.now()))
        if failure := self._send(sent_now):
            raise failure

    def send_unrecorded(self, draft: Draft, locale: str, recorded: str) -> None:
        """Send a mail once; its record has another address in place of the recipient's, which is not kept.

        Raises `ServiceUnavailable` after a temporary failure: the event is retried.
        """
        message = draft.message("email", str(draft.email), locale)
        record = replace(message, to=recorded)
        rendered = self.channels.render(message, self.store)
        if not self.store.messages.claim(record):
            return
        try:
            self.channels.send(message, rendered, self.store)
        except AddressRefused:  # its text may name the address
            self.store.messages.refused(record, "the address was refused")
        except ServiceUnavailable:
            self.store.messages.release(record)
            raise
        else:
            self.store.messages.sent(record)

    def drain(self) -> int:
        """Send due queued messages, transactional ones first; returns the number of attempts."""
        for sent in range(DRAIN_BATCH_SIZE):
            message = self.store.messages.next_queued()
            if message is None:
                return sent
            if not _is_wanted(message.kind, self.store.recipients.find(message.recipient)):
                self.store.messages.drop(message)
                continue
            try:
                rendered = self.channels.render(message, self.store)
            except (*RENDERING_ERRORS, ServiceUnavailable) as error:  # an administrator may mend the text meanwhile
                self.store.messages.retry_later(message, f"The text can't be rendered: {error}")
                continue
            try:
                self.channels.send(message, rendered, self.store)
            except AddressRefused as refused:
                self._refused(message, str(refused))
            except ServiceUnavailable as failure:
                self.store.messages.retry_later(message, failure.message)
            else:
                self.store.messages.sent(message)
        return DRAIN_BATCH_SIZE

    def _messages(
        self, draft: Draft, person: dict[str, object], chosen: preferences.Preferences, locale: str
    ) -> list[Message]:
        """One message per channel and device that the recipient has enabled."""
        messages = []
        if preferences.wants(chosen, draft.kind, "in_app") and draft.user_id:
            messages.append(draft.message("in_app", draft.user_id, locale))
        may_mail = KINDS[draft.kind].to_unverified or not _is_unverified(person)
        if preferences.wants(chosen, draft.kind, "email") and draft.email and may_mail:
            transactional = KINDS[draft.kind].transactional
            if transactional or not self.store.recipients.has_bounced(draft.email):
                messages.append(draft.message("email", draft.email, locale))
        phone = person.get("phone")
        if preferences.wants(chosen, draft.kind, "sms") and isinstance(phone, str) and self.channels.sms:
            messages.append(draft.message("sms", phone, locale))
        if draft.user_id and self.channels.push.enabled and preferences.wants(chosen, draft.kind, "push"):
            devices = [str(device["_id"]) for device in self.store.recipients.devices_of(draft.user_id)]
            messages += [_for_device(draft.message("push", device, locale)) for device in devices]
        return messages

    def _send(self, messages: Sequence[Message]) -> ServiceUnavailable | None:
        """Send messages, without those that were sent; returns a temporary failure."""
        if not messages:
            return None
        rendered = {message.id: self.channels.render(message, self.store) for message in messages}
        claimed, failure = self.store.messages.claim_all(messages)
        sent = []
        try:
            for message in claimed:
                try:
                    self.channels.send(message, rendered[message.id], self.store)
                except AddressRefused as refused:
                    self._refused(message, str(refused))
                except ServiceUnavailable as temporary:
                    self.store.messages.release(message)
                    failure = temporary
                else:
                    sent.append(message)
        finally:
            self.store.messages.sent(*sent)
        return failure

    def _refused(self, message: Message, reason: str) -> None:
        self.store.messages.refused(message, reason)
        if message.channel == "email":
            self.store.recipients.mark_bounced(message.to, reason)


def _is_wanted(kind: str, person: dict[str, object]) -> bool:
    """Whether the kind may be sent: advertising only while the person wants it, also after it was queued."""
    return not KINDS[kind].marketing or bool(person.get("marketing"))


def _is_unverified(person: dict[str, object]) -> bool:
    """Whether the account's address waits for its verification; accounts that operators made don't."""
    return bool(person.get("verification_requested")) and not person.get("email_verified")


def _for_device(message: Message) -> Message:
    """The message with an id of its own for this device."""
    return replace(message, id=f"{message.id}:{hashlib.sha256(message.to.encode()).hexdigest()[:12]}")
