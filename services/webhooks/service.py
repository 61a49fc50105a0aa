"""Webhooks service: subscriptions to events, and their signed deliveries."""

from typing import Any

import orjson

from schemas.api.webhooks import CreateWebhook, DeliveryQuery, UpdateWebhook
from schemas.base import Id
from schemas.caller import Caller
from schemas.events.base import Event
from schemas.events.public import PUBLIC
from schemas.permissions.permission import Permission
from schemas.rpc.orders import OrdersRpc
from schemas.rpc.products import ProductsRpc
from schemas.rpc.webhooks import WebhooksRpc
from services.chassis.common import clock
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import schema_url
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.messaging.streams import Envelope, event_stream
from services.chassis.runtime.service import Service
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres
from services.webhooks.bindings import BindingsProvider
from services.webhooks.dispatcher import ConfiguredDispatcher
from services.webhooks.domain.audience import check_types, scope_of, types_for
from services.webhooks.fan_out import FanOut
from services.webhooks.store import WebhookStore
from services.webhooks.store.delivery_queue import NewDelivery
from services.webhooks.subscribed import CONTROL, SubscribedEvents, SubscribedProvider

TEST_TYPE = "webhook_test"
EVENTS: tuple[type[Event], ...] = (*(public.event for public in PUBLIC.values()), *CONTROL)


class WebhooksService(PersonalDataHandlers, Service):
    """RPC methods, the stream of events, and the timer of deliveries."""

    name = "webhooks"

    store = Postgres(WebhookStore)
    orders = Remote(OrdersRpc, deadline=4.0)
    products = Remote(ProductsRpc, deadline=4.0)
    subscribed = SubscribedProvider()
    dispatcher = ConfiguredDispatcher()
    bindings = BindingsProvider()

    @event_stream(*EVENTS, size=100, seconds=0.02, entrypoint=SubscribedEvents)
    def store_deliveries(self, envelopes: list[Envelope]) -> None:
        """Store the deliveries of events and begin to send them."""
        if FanOut(self.store, self.subscribed, self.orders, self.products).handle(envelopes):
            self.dispatcher.dispatch(self.store)

    @every(seconds=1)
    def send_due(self) -> None:
        """Send what is due: retries, and deliveries that another process has left."""
        self.dispatcher.dispatch(self.store)

    @every(seconds=60)
    def follow_subscriptions(self) -> None:
        """Unbind the queue from event types that have no subscription any more, or got bound by a new connection."""
        self.bindings.follow(self.store)

    def personal_data(self, person: Person) -> Sections:
        return {
            "webhook_subscriptions": self.store.subscriptions.of_owner(person.user_id),
            "webhook_deliveries": self.store.deliveries.of_person(person.user_id, person.verified_email),
        }

    def erase_person(self, person: Person) -> None:
        self.store.erase(person.user_id, person.verified_email)

    @implements(WebhooksRpc.event_types)
    def event_types(self, caller: Caller) -> Json:
        return [
            {
                "type": public.event.type,
                "source": public.event.source,
                "description": public.description,
                "dataschema": schema_url(public.event),
                "vendors": public.vendors,
            }
            for public in types_for(scope_of(caller))
        ]

    @implements(WebhooksRpc.create)
    def create(self, command: CreateWebhook) -> Json:
        scope = scope_of(command.caller)
        check_types(command.events, scope)
        self.dispatcher.check_url(command.url)
        created = self.store.subscriptions.create(command, scope, self.dispatcher.cipher)
        self.bindings.follow(self.store)
        return created

    @implements(WebhooksRpc.subscriptions)
    def subscriptions(self, caller: Caller) -> Json:
        return self.store.subscriptions.list_all(_owner(caller))

    @implements(WebhooksRpc.get)
    def get(self, subscription_id: Id, caller: Caller) -> Json:
        return self.store.subscriptions.get(subscription_id, _owner(caller))

    @implements(WebhooksRpc.update)
    def update(self, command: UpdateWebhook) -> Json:
        owner_id = _owner(command.caller)
        scope = self.store.subscriptions.get(command.subscription_id, owner_id)["scope"]
        check_types(command.events or (), scope)
        if command.url is not None:
            self.dispatcher.check_url(command.url)
        updated = self.store.subscriptions.update(command, owner_id)
        self.bindings.follow(self.store)
        return updated

    @implements(WebhooksRpc.delete)
    def delete(self, subscription_id: Id, caller: Caller, expected_version: int | None = None) -> None:
        self.store.subscriptions.delete(subscription_id, _owner(caller), expected_version)

    @implements(WebhooksRpc.rotate_secret)
    def rotate_secret(self, subscription_id: Id, caller: Caller) -> Json:
        return self.store.subscriptions.rotate(subscription_id, _owner(caller), self.dispatcher.cipher)

    @implements(WebhooksRpc.test)
    def test(self, subscription_id: Id, caller: Caller) -> Json:
        self.store.subscriptions.get(subscription_id, _owner(caller))
        delivery = self.store.deliveries.add_test(_test_event(subscription_id))
        self.dispatcher.dispatch(self.store)
        return delivery

    @implements(WebhooksRpc.deliveries)
    def deliveries(self, subscription_id: Id, query: DeliveryQuery, caller: Caller) -> Json:
        self.store.subscriptions.get(subscription_id, _owner(caller))
        return self.store.deliveries.list_page(subscription_id, query)

    @implements(WebhooksRpc.replay)
    def replay(self, subscription_id: Id, delivery_id: Id, caller: Caller) -> Json:
        self.store.subscriptions.get(subscription_id, _owner(caller))
        delivery = self.store.deliveries.replay(subscription_id, delivery_id)
        self.dispatcher.dispatch(self.store)
        return delivery


def _owner(caller: Caller) -> str | None:
    """The owner of the subscriptions that a caller manages; None: all owners."""
    return None if caller.may(Permission.WEBHOOKS_MANAGE) else str(caller.user_id)


def _test_event(subscription_id: str) -> NewDelivery:
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": new_id(),
        "source": "/webhooks",
        "type": TEST_TYPE,
        "subject": subscription_id,
        "time": clock.rfc3339(clock.now()),
        "datacontenttype": "application/json",
        "data": {"subscription_id": subscription_id},
    }
    body = orjson.dumps(envelope).decode()
    return NewDelivery(subscription_id, f"webhooks:{subscription_id}", envelope["id"], TEST_TYPE, subscription_id, body)
