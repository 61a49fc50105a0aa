"""Order of the demonstration's steps; each is in the module of its area."""

import time

from rich.console import Console

from ultramarket.api_client import administrator_client
from ultramarket.demo import checkout, order_effects, price_change, product_search
from ultramarket.demo.kafka_records import show_records
from ultramarket.demo.session import DemoSession
from ultramarket.instance import Instance


class Journey:
    """A customer searches, orders and reviews; then come the mail, the figures, the audit trail and Kafka."""

    def __init__(self, instance: Instance, console: Console) -> None:
        self.session = DemoSession(instance, console)

    def run(self) -> None:
        """Raises `ApiError` or `DemoFailed` at the step that fails. A changed price is restored in any case."""
        session, administrator = self.session, administrator_client(self.session.instance)
        email = checkout.register(session)
        item = product_search.narrow(session, product_search.search(session))
        product = product_search.view_product(session, item)
        sales_before = order_effects.sales_of(administrator, product["id"])
        checkout.fill_cart(session, product["sku"])
        product_search.track_behaviour(session, product)
        order = checkout.place_order(session, checkout.choose_shipping(session))
        ordered_at = time.monotonic()
        order_effects.review(session, product)
        order_effects.show_mail(session, email, order)
        order_effects.show_figures(session, administrator, product, sales_before, ordered_at)
        price_change.change_price(session, administrator, product)
        show_records(session, order)
        number = order["number"]
        session.console.print(f"\n[bold green]✓[/] order {number}, from a misspelt query to its records in Kafka")
