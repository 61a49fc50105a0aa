"""Notifications: hears what happened, and tells the people whom it concerns."""

from typing import Any

from nameko.extensions import DependencyProvider

from schemas.events.auth import UserRegistered
from schemas.events.orders import OrderConfirmed
from services.chassis.errors import ServiceUnavailable
from services.chassis.events import on_event
from services.chassis.service import Configured, Service
from services.chassis.settings import load
from services.chassis.stores.mongo import Mongo
from services.notifications import domain
from services.notifications.domain import Message
from services.notifications.providers.interface import AddressRefused, Mailer
from services.notifications.providers.smtp import SmtpMailer
from services.notifications.rendering import render
from services.notifications.settings import NotificationSettings
from services.notifications.store import MessageStore


class Mail(DependencyProvider):
    """The mailer that the settings name."""

    def setup(self) -> None:
        settings = load(NotificationSettings)
        self.mailer = SmtpMailer(settings.smtp_url, settings.mail_from, settings.smtp_timeout)

    def stop(self) -> None:
        self.mailer.close()

    def get_dependency(self, worker_ctx: Any) -> Mailer:
        return self.mailer


class NotificationsService(Service):
    name = "notifications"

    store = Mongo(MessageStore)
    settings = Configured(NotificationSettings)
    mailer = Mail()

    @on_event(OrderConfirmed)
    def confirm_order(self, event: OrderConfirmed) -> None:
        """The order confirmation."""
        self._send(domain.order_confirmation(event, self.settings.shop_name))

    @on_event(UserRegistered)
    def welcome_customer(self, event: UserRegistered) -> None:
        """The welcome mail."""
        self._send(domain.welcome(event, self.settings.shop_name))

    def _send(self, message: Message) -> None:
        """Send a message that was not sent yet. A mail server that is away makes the event come again."""
        rendered = render(message, self.settings.shop_name, self.settings.shop_url)
        if not self.store.take_on(message):
            return
        try:
            self.mailer.send(message, rendered)
        except AddressRefused as refused:
            self.store.refused(message, str(refused))
        except ServiceUnavailable:
            self.store.put_back(message)
            raise
        else:
            self.store.sent(message)
