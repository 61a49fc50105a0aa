"""GraphQL's `product(id)` beside the REST route of the same product, measured alternately in one run.

`python -m bench.graphql --instance NAME`: medians of rounds, and the ratio (at least 0.6 is asked for).
"""

import argparse
import random
import statistics
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlsplit

import orjson
from rich.console import Console
from rich.table import Table

from bench import load
from bench.load import Refused, Work
from bench.stage import Stage
from bench.wire import Connection
from bench.works import Browsing

ROUNDS: Final = 5
REST: Final = "GET /products/{id}"
USUAL: Final = """query($id: ID!) { product(id: $id) {
  id name description price category { id name } variants { sku price available }
} }"""
WHOLE: Final = """query($id: ID!) { product(id: $id) {
  id slug name description brand price money { amount currency } category { id slug name } thumbnail images tags
  inStock rating { average count } createdAt updatedAt attributes { name value } options { name values }
  variants { sku name price money { amount currency } available inStock weight options { name value } }
} }"""


class Querying:
    """Somebody who reads single products by GraphQL."""

    def __init__(self, url: str, product_ids: list[str], document: str, by_get: bool = False) -> None:
        self.url, self.product_ids, self.document, self.by_get = url, product_ids, document, by_get

    def product(self, number: int) -> Work:
        """One of all products."""
        parts, chance = urlsplit(self.url), random.Random(number)
        client = Connection(parts.hostname or "127.0.0.1", parts.port or 80, prefix="/graphql")

        def work() -> None:
            variables = {"id": chance.choice(self.product_ids)}
            if self.by_get:
                query = f"?query={quote(self.document)}&variables={quote(orjson.dumps(variables))}"
                status, _, body = client.request("GET", query)
            else:
                status, _, body = client.request("POST", "", {"query": self.document, "variables": variables})
            if status != 200 or b'"errors"' in body:
                raise Refused(f"{status} {body[:100]!r}")

        return work


def main() -> None:
    """Parse the arguments, measure, print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.graphql", description=__doc__)
    parser.add_argument("--instance", default="bench", help="a running instance")
    parser.add_argument("--seconds", type=float, default=2, help="how long each loop runs in each round")
    arguments = parser.parse_args()
    stage = Stage(arguments.instance)
    ids, _ = stage.fill()
    makers: dict[str, Callable[[int], Work]] = {
        REST: Browsing(stage.url, ids).product_detail,
        "API.md's fields, POST": Querying(stage.url, ids, USUAL).product,
        "API.md's fields, GET": Querying(stage.url, ids, USUAL, by_get=True).product,
        "all fields, POST": Querying(stage.url, ids, WHOLE).product,
    }
    table = Table("work", "clients", "per second", "ratio")
    for clients in (1, 16):
        rates = measure(makers, clients, arguments.seconds)
        for name, rate in rates.items():
            table.add_row(name, str(clients), f"{rate:.0f}", f"{rate / rates[REST]:.2f}")
    Console().print(table)


def measure(makers: dict[str, Callable[[int], Work]], clients: int, seconds: float) -> dict[str, float]:
    """Operations per second of each, as the median of rounds."""
    rates: dict[str, list[float]] = {name: [] for name in makers}
    for round_ in range(ROUNDS + 1):
        for name, make in makers.items():
            result = load.run(make, clients, seconds)
            if result.errors:
                raise RuntimeError(f"{name}: {result.errors}")
            if round_:  # the first one warms connections and caches
                rates[name].append(result.per_second)
    return {name: statistics.median(values) for name, values in rates.items()}


if __name__ == "__main__":
    main()
