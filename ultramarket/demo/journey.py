"""The steps in their order; each is in the module of its area."""

import time

from rich.console import Console

from ultramarket.api_client import administrator_client
from ultramarket.demo import administering, afterwards, buying, finding
from ultramarket.demo.kafka_records import show_records
from ultramarket.demo.session import DemoSession
from ultramarket.instance import Instance


class Journey:
    """Clara buys something, says what she thinks of it, and the shop's people see what came of it."""

    def __init__(self, instance: Instance, console: Console) -> None:
        self.stage = DemoSession(instance, console)

    def run(self) -> None:
        """Raises `ApiError` or `DemoFailed` at the step that fails. A changed price goes back in any case."""
        stage, administrator = self.stage, administrator_client(self.stage.instance)
        email = buying.register(stage)
        product = finding.look_at(stage, finding.narrow(stage, finding.search(stage)))
        figures = afterwards.figures_of(administrator, product["id"])
        buying.fill_cart(stage, product["sku"])
        finding.say_so(stage, product)
        order = buying.order(stage, buying.choose_shipping(stage))
        ordered_at = time.monotonic()
        afterwards.review(stage, product)
        afterwards.show_mail(stage, email, order)
        afterwards.show_figures(stage, administrator, product, figures, ordered_at)
        administering.change_price(stage, administrator, product)
        show_records(stage, order)
        number = order["number"]
        stage.console.print(f"\n[bold green]✓[/] order {number}, from a misspelt word to its records in Kafka")
