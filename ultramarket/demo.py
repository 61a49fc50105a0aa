"""One customer's journey over HTTP, narrated, with the mail and the Kafka records that it leaves behind."""

import json
import secrets
import time
from typing import Any, Final

from rich.console import Console

from ultramarket import mail
from ultramarket.api import Api
from ultramarket.instance import Instance

TOPICS: Final = ("order-events", "payment-events", "notification-events", "analytics-events")
ADDRESS: Final = {
    "name": "Clara Customer",
    "line1": "1 Harbour Street",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}
PATIENCE_SECONDS: Final = 20
"""For what happens behind the customer's back: the mail, the records in Kafka."""


class WentWrong(Exception):
    """A step that was answered, but not with what a customer would expect."""


class Journey:
    """Each method is one step; later steps use what earlier ones found."""

    def __init__(self, instance: Instance, console: Console) -> None:
        self.instance = instance
        self.console = console
        self.api = Api(instance.gateway_url)

    def run(self) -> None:
        """Raises `Refused` or `WentWrong` at the step that fails."""
        email = self.register()
        sku = self.browse()
        self.fill_cart(sku)
        method = self.choose_shipping()
        order = self.order(method)
        self.read_again(order)
        self.show_mail(email, order)
        self.show_records(order)
        self.console.print(f"\n[bold green]✓[/] order {order['number']}, from a product to its records in Kafka")

    def register(self) -> str:
        email = f"clara.{secrets.token_hex(4)}@example.com"
        person = {"email": email, "password": secrets.token_urlsafe(12), "first_name": "Clara", "last_name": "Customer"}
        session = self.api.post("/auth/register", person)
        self.api.session.headers["Authorization"] = f"Bearer {session['access_token']}"
        self._tell("POST /auth/register", f"Clara has an account: {email}")
        return email

    def browse(self) -> str:
        products = self.api.get("/products?in_stock=true&sort=-rating&limit=3")
        if not products:
            raise WentWrong("the shop is empty: `ultramarket seed` fills it")
        self._tell("GET /products?in_stock=true&sort=-rating", "she looks at what others liked best")
        for product in products:
            self._detail(f"{product['title']}, {money(product['price'])}, {product['rating']['average']} stars")
        product = self.api.get(f"/products/{products[0]['slug']}")
        variant = next(one for one in product["variants"] if one["in_stock"])
        self._tell(f"GET /products/{product['slug']}", f"{variant['available']} of {variant['sku']} are there")
        return str(variant["sku"])

    def fill_cart(self, sku: str) -> None:
        cart = self.api.post("/cart/items", {"sku": sku, "quantity": 1})
        self._tell("POST /cart/items", f"one goes into the cart: {money_of(cart, 'total')}")

    def choose_shipping(self) -> str:
        address = {name: ADDRESS[name] for name in ("country", "region", "postal_code")}
        rates = self.api.post("/shipping/rates", {"address": address})
        if not rates:
            raise WentWrong("nobody ships to Portland")
        self._tell("POST /shipping/rates", "how it could come to her")
        for rate in rates:
            days = f"{rate['days_min']} to {rate['days_max']} days"
            self._detail(f"{rate['name']} by {rate['carrier']}, {money(rate['price'])}, {days}")
        cheapest = min(rates, key=lambda rate: rate["price"]["amount"])
        return str(cheapest["method"])

    def order(self, shipping_method: str) -> dict[str, Any]:
        wish = {
            "shipping_address": ADDRESS,
            "shipping_method": shipping_method,
            "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
        }
        order: dict[str, Any] = self.api.post("/orders", wish, once=True)
        self._tell("POST /orders", f"order {order['number']} over {money_of(order, 'total')} is {order['status']}")
        return order

    def read_again(self, order: dict[str, Any]) -> None:
        order.update(self._until(lambda: self._ended(order["id"]), "the order stays open"))
        self._tell(f"GET /orders/{order['id']}", f"{order['status']}, payment {order['payment']['status']}")
        for step in order["timeline"]:
            self._detail(f"{step['at']}  {step['status']}")
        if order["status"] != "confirmed":
            raise WentWrong(f"the order ended as {order['status']}")

    def _ended(self, order_id: str) -> dict[str, Any] | None:
        order: dict[str, Any] = self.api.get(f"/orders/{order_id}")
        return None if order["status"] in {"pending", "awaiting_payment"} else order

    def show_mail(self, email: str, order: dict[str, Any]) -> None:
        if "mail" in self.instance.external:
            self._tell("mail", "goes to a server of yours: look there")
            return

        def arrived() -> list[dict[str, Any]]:
            mine = [one for one in mail.summaries(self.instance) if email in one["to"]]
            return mine if any(order["number"] in one["subject"] for one in mine) else []

        mine = self._until(arrived, "no mail about the order came")
        self._tell("ultramarket mail", "what is in her mailbox")
        for one in mine:
            self._detail(f"{one['subject']}  [dim]({one['id']})[/]")

    def show_records(self, order: dict[str, Any]) -> None:
        ids = {order["id"], (order.get("payment") or {}).get("id")}
        records = read_records(self.instance, ids)
        if not any(record["topic"] == "order-events" for record in records):
            raise WentWrong("no record of the order is in Kafka: `ultramarket logs bridge`")
        self._tell("Kafka", "what analytics will know of it")
        for record in records:
            place = f"{record['topic']} {record['partition']}@{record['offset']}"
            self._detail(f"{record['time']}  {record['type']}  [dim]{place}[/]")

    def _until(self, look: Any, complaint: str) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > end:
                raise WentWrong(complaint)
            time.sleep(0.2)
        return found

    def _tell(self, what: str, meaning: str) -> None:
        self.console.print(f"\n[bold cyan]{what}[/]\n  {meaning}", soft_wrap=True)

    def _detail(self, text: str) -> None:
        self.console.print(f"    {text}", soft_wrap=True)


def read_records(instance: Instance, subjects: set[str | None]) -> list[dict[str, Any]]:
    """All records about these subjects, until one of an order that ended is among them or patience is over."""
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": instance.url("kafka"),
            "group.id": f"demo-{secrets.token_hex(6)}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    consumer.subscribe(list(TOPICS))
    found: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE_SECONDS
    confirmed = False
    try:
        while time.monotonic() < end:
            message = consumer.poll(0.5)
            if message is None:
                if confirmed:  # and half a second of silence: all of it has been read
                    break
                continue
            if message.error():
                continue
            event = json.loads(message.value() or b"{}")
            if event.get("subject") not in subjects and not subjects & _mentioned(event):
                continue
            place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
            found.append({"type": event["type"], "time": event["time"], "id": event["id"], **place})
            confirmed = confirmed or event["type"] == "order_confirmed"
    finally:
        consumer.close()
    return sorted(found, key=lambda record: str(record["time"]))


def _mentioned(event: dict[str, Any]) -> set[str]:
    data = event.get("data")
    value = data.get("order_id") if isinstance(data, dict) else None
    return {value} if isinstance(value, str) else set()


def money(value: dict[str, Any]) -> str:
    """As people write it; every currency that the demo shop has divides into a hundred."""
    return f"{value['amount'] / 100:.2f} {value['currency']}"


def money_of(thing: dict[str, Any], name: str) -> str:
    value = thing[name]
    return money(value if isinstance(value, dict) else {"amount": value, "currency": thing["currency"]})
