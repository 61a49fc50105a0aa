"""Delivery channels (e-mail, SMS, Web Push), created once per process from the settings."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.chassis.outbound.addresses import OutboundPolicy
from services.chassis.runtime.settings import load
from services.chassis.stores.mongo import connect, database_name
from services.notifications.domain import unsubscribe_tokens
from services.notifications.domain.messages import Message
from services.notifications.providers.interface import AddressRefused, Mailer
from services.notifications.providers.push import DeviceGone, WebPush
from services.notifications.providers.sms import SandboxSms, SmsSender, TwilioSms
from services.notifications.providers.smtp import SmtpMailer
from services.notifications.rendering import Rendered, render
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore


class Channels:
    """Renders messages and sends them by their channel."""

    def __init__(self, settings: NotificationSettings, mailer: Mailer, sms: SmsSender | None, push: WebPush) -> None:
        self.settings, self.mailer, self.sms, self.push = settings, mailer, sms, push

    def render(self, message: Message, store: MessageStore) -> Rendered:
        """Render a message in the recipient's language, with an administrator's texts if there are any."""
        custom_texts = store.templates.current(message.kind, message.locale)
        unsubscribe = ""
        if message.channel == "email" and not message.transactional:
            token = unsubscribe_tokens.create(message.recipient, message.kind, self.settings.link_key)
            unsubscribe = f"{self.settings.shop_url}/api/v1/notifications/unsubscribe?token={token}"
        text = custom_texts["text"] if custom_texts else None
        return render(message, self.settings.shop_name, self.settings.shop_url, text, unsubscribe)

    def send(self, message: Message, rendered: Rendered, store: MessageStore) -> None:
        """Send a rendered message. Raises `AddressRefused`, or `ServiceUnavailable` for a temporary failure."""
        if message.channel == "email":
            self.mailer.send(message, rendered)
        elif message.channel == "sms":
            if self.sms is None:
                raise AddressRefused("SMS is not configured")
            self.sms.send(message, rendered.short)
        else:
            self._push(message, rendered, store)

    def _push(self, message: Message, rendered: Rendered, store: MessageStore) -> None:
        device = store.recipients.device(message.to)
        if device is None:
            raise AddressRefused("the device is no longer subscribed")
        try:
            self.push.send(device, rendered.title, rendered.short, {"kind": message.kind})
        except DeviceGone as error:
            store.recipients.remove_device(message.to)
            raise AddressRefused("the device is no longer subscribed") from error

    def close(self) -> None:
        """Close kept connections."""
        if isinstance(self.mailer, SmtpMailer):
            self.mailer.close()


class ConfiguredChannels(DependencyProvider):
    """Gives each worker the configured channels."""

    def setup(self) -> None:
        settings = load(NotificationSettings, self.container.service_name)
        mailer = SmtpMailer(settings.smtp_url, settings.mail_from, settings.smtp_timeout)
        policy = OutboundPolicy(settings.allowed_networks, settings.allowed_ports, settings.outbound_plain_http)
        key = settings.vapid_private_key.get_secret_value()
        push = WebPush(key, settings.vapid_contact, settings.smtp_timeout, policy)
        self.channels = Channels(settings, mailer, _sms_sender(settings), push)

    def stop(self) -> None:
        self.channels.close()

    def get_dependency(self, worker_ctx: Any) -> Channels:
        return self.channels


def _sms_sender(settings: NotificationSettings) -> SmsSender | None:
    if settings.sms_provider == "sandbox":
        return SandboxSms(connect(settings.mongo_url, 2)[database_name("notifications")])
    if settings.sms_provider == "twilio":
        token = settings.twilio_token.get_secret_value()
        return TwilioSms(
            settings.twilio_account, token, settings.twilio_from, settings.twilio_base_url, settings.smtp_timeout
        )
    return None
