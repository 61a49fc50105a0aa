"""Those who carry messages out of the house, made once per process from the settings."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.chassis.runtime.settings import load
from services.chassis.stores.mongo import connect, database_name
from services.notifications.domain import links
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused, Mailer
from services.notifications.providers.push import DeviceGone, WebPush
from services.notifications.providers.sms import SandboxTexter, Texter, TwilioTexter
from services.notifications.providers.smtp import SmtpMailer
from services.notifications.rendering import Rendered, render
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore


class Carriers:
    """Mail, text messages, push: `carry` renders a message and hands it to the right one."""

    def __init__(self, settings: NotificationSettings, mailer: Mailer, texter: Texter | None, push: WebPush) -> None:
        self.settings, self.mailer, self.texter, self.push = settings, mailer, texter, push

    def render(self, message: Message, store: MessageStore) -> Rendered:
        """As it is sent, in the person's language, with the administrator's texts if there are any."""
        changed = store.templates.current(message.kind, message.locale)
        unsubscribe = ""
        if message.channel == "email" and not message.transactional:
            token = links.token(message.recipient, message.kind, self.settings.link_key)
            unsubscribe = f"{self.settings.shop_url}/api/v1/notifications/unsubscribe?token={token}"
        text = changed["text"] if changed else None
        return render(message, self.settings.shop_name, self.settings.shop_url, text, unsubscribe)

    def carry(self, message: Message, rendered: Rendered, store: MessageStore) -> None:
        """Raises `AddressRefused`, or `ServiceUnavailable` when it should be tried again."""
        if message.channel == "email":
            self.mailer.send(message, rendered)
        elif message.channel == "sms":
            if self.texter is None:
                raise AddressRefused("text messages are off")
            self.texter.send(message, rendered.short)
        else:
            self._push(message, rendered, store)

    def _push(self, message: Message, rendered: Rendered, store: MessageStore) -> None:
        device = store.people.device(message.to)
        if device is None:
            raise AddressRefused("the device is gone")
        try:
            self.push.send(device, rendered.title, rendered.short, {"kind": message.kind})
        except DeviceGone as gone:
            store.people.remove_device(message.to)
            raise AddressRefused("the device is gone") from gone

    def close(self) -> None:
        if isinstance(self.mailer, SmtpMailer):
            self.mailer.close()


class Carrying(DependencyProvider):
    """The carriers that the settings name."""

    def setup(self) -> None:
        settings = load(NotificationSettings)
        mailer = SmtpMailer(settings.smtp_url, settings.mail_from, settings.smtp_timeout)
        push = WebPush(settings.vapid_private_key.get_secret_value(), settings.vapid_contact, settings.smtp_timeout)
        self.carriers = Carriers(settings, mailer, _texter(settings), push)

    def stop(self) -> None:
        self.carriers.close()

    def get_dependency(self, worker_ctx: Any) -> Carriers:
        return self.carriers


def _texter(settings: NotificationSettings) -> Texter | None:
    if settings.sms_provider == "sandbox":
        return SandboxTexter(connect(settings.mongo_url, 2)[database_name("notifications")])
    if settings.sms_provider == "twilio":
        token = settings.twilio_token.get_secret_value()
        return TwilioTexter(
            settings.twilio_account, token, settings.twilio_from, settings.twilio_base_url, settings.smtp_timeout
        )
    return None
