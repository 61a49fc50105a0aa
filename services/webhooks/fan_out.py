"""Fan-out: from events to deliveries, for each subscription what its owner may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.events.public import PUBLIC, public_envelope
from schemas.rpc.orders import OrdersRpc
from schemas.rpc.products import ProductsRpc
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.messaging.streams import Envelope
from services.webhooks.domain.audience import may_get
from services.webhooks.store import WebhookStore
from services.webhooks.store.delivery_queue import NewDelivery
from services.webhooks.subscribed import CONTROL_TYPES, Subscribed

Data = dict[str, Any]
PERSON_FIELDS: Final = ("user_id", "customer_id")
NO_PERMISSION: Final = "The owner has lost the permission for it"
ACCOUNT_DISABLED: Final = "The owner's account is disabled"


@dataclass(frozen=True)
class FanOut:
    """Stores deliveries of events, for which it asks `orders` and `products` what vendors may see."""

    store: WebhookStore
    subscribed: Subscribed
    orders: OrdersRpc
    products: ProductsRpc

    def handle(self, envelopes: Sequence[Envelope]) -> int:
        """Handle events in their order; returns the number of new deliveries. Idempotent."""
        control = [envelope for envelope in envelopes if envelope["type"] in CONTROL_TYPES]
        for envelope in control:
            self._follow(envelope)
        if control or self.subscribed.by_type is None:
            self.subscribed.replace(self.store.subscriptions.active())
        relevant = [envelope for envelope in envelopes if self.subscribed.of(envelope["type"])]
        views = self._vendor_views([envelope for envelope in relevant if self._has_vendor(envelope["type"])])
        return self.store.queue.add([new for envelope in relevant for new in self._deliveries(envelope, views)])

    def _follow(self, envelope: Envelope) -> None:
        """Disable the subscriptions of an owner who may not have them any more."""
        owner_id = str(envelope["data"].get("user_id"))
        if envelope["type"] == "roles_assigned":
            rows = self.store.subscriptions.set_roles(owner_id, list(envelope["data"]["roles"]))
            lost = [str(row.id) for row in rows if not may_get(row.scope, envelope["data"]["roles"])]
            self.store.subscriptions.disable(lost, NO_PERMISSION)
        elif envelope["type"] == "account_disabled":
            self.store.subscriptions.disable_of_owner(owner_id, ACCOUNT_DISABLED)

    def _has_vendor(self, event_type: str) -> bool:
        return any(each.scope == "vendor" for each in self.subscribed.of(event_type))

    def _deliveries(self, envelope: Envelope, views: dict[str, dict[str, Data]]) -> list[NewDelivery]:
        of_vendors = views.get(envelope["id"], {})
        deliveries = []
        for subscription in self.subscribed.of(envelope["type"]):
            if subscription.scope == "shop":
                deliveries.append(_delivery(subscription.id, envelope, None))
            elif subscription.owner_id in of_vendors:
                deliveries.append(_delivery(subscription.id, envelope, of_vendors[subscription.owner_id]))
        return deliveries

    def _vendor_views(self, envelopes: Sequence[Envelope]) -> dict[str, dict[str, Data]]:
        """The data of events as vendors see it, by event id and vendor."""
        views: dict[str, dict[str, Data]] = {}
        by_order: dict[str, list[str]] = {}
        for envelope in envelopes:
            if envelope["source"] == "/orders":
                by_order.setdefault(envelope["subject"], []).append(envelope["id"])
        for order_id, event_ids in by_order.items():
            try:
                seen = self.orders.vendor_events(order_id=order_id, event_ids=event_ids)
            except NotFound:
                continue
            for one in seen:
                views.setdefault(one.event_id, {})[one.vendor_id] = one.data
        owners = self._owners([envelope for envelope in envelopes if envelope["source"] != "/orders"])
        for event_id, (vendor_id, data) in owners.items():
            views[event_id] = {vendor_id: data}
        return views

    def _owners(self, envelopes: Sequence[Envelope]) -> dict[str, tuple[str, Data]]:
        """The vendor of events of products and stock, with the data that they see, by event id."""
        skus = sorted({envelope["data"]["sku"] for envelope in envelopes if envelope["source"] == "/inventory"})
        priced = self.products.price_skus(skus=skus) if skus else {}
        owners = {}
        for envelope in envelopes:
            data = envelope["data"]
            if envelope["source"] == "/inventory":
                vendor_id = priced[data["sku"]].vendor_id if data["sku"] in priced else None
            else:
                vendor_id = data.get("vendor_id")
            if vendor_id is not None:
                hidden = PUBLIC[envelope["type"]].hidden_from_vendors
                owners[envelope["id"]] = (vendor_id, {name: data[name] for name in data if name not in hidden})
        return owners


def _delivery(subscription_id: str, envelope: Envelope, data: Data | None) -> NewDelivery:
    person = next((data_ for name in PERSON_FIELDS if is_id(data_ := envelope["data"].get(name) or "")), None)
    return NewDelivery(
        subscription_id=subscription_id,
        chain=f"{envelope['source'].removeprefix('/')}:{envelope['subject']}",
        event_id=envelope["id"],
        type=envelope["type"],
        subject=envelope["subject"],
        body=orjson.dumps(public_envelope(envelope, data)).decode(),
        user_id=person,
        email=None if person else envelope["data"].get("email"),
    )
