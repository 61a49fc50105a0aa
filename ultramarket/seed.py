"""Load the demo catalogue, with stock, pictures and reviews, through the public interface."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ultramarket import catalogue
from ultramarket.api import Api, Refused, as_administrator
from ultramarket.illustrating import Illustrator
from ultramarket.importer import Outcome, import_lines
from ultramarket.instance import Instance

PRODUCTS: Final = Path(__file__).with_name("data") / "products.json"


def seed(instance: Instance, advance: Callable[[int], None] = lambda _n: None) -> Outcome:
    """Idempotent; stock that was sold meanwhile is not put back. Raises `Refused`.

    Without the services for files and reviews the products come without; loading again brings what is missing.
    """
    api = as_administrator(instance)
    illustrator = Illustrator(api)
    outcome = import_lines(api, illustrator.illustrated(catalogue.read(PRODUCTS)), advance)
    reviewed = _bring_reviews(api, outcome.ids)
    if not outcome.refused and not illustrator.missing and reviewed:
        instance.seeded = True
        instance.save()
    return outcome


REVIEWS_AT_ONCE: Final = 300
TRIES: Final = 3


def _bring_reviews(api: Api, products: dict[int, str]) -> bool:
    """The reviews of the loaded products, by the line of each. False: the reviews service was away."""
    rows = json.loads(PRODUCTS.read_text(encoding="utf-8"))
    reviews = [
        review
        for number, row in enumerate(rows, 1)
        if number in products
        for review in catalogue.reviews_of(row, products[number])
    ]
    for start in range(0, len(reviews), REVIEWS_AT_ONCE):
        for attempt in range(TRIES):
            try:
                api.post("/reviews/import", {"reviews": reviews[start : start + REVIEWS_AT_ONCE]})
                break
            except Refused as refused:
                if refused.status not in (0, 503, 504):
                    raise
                time.sleep(0.3 * attempt)
        else:
            return False
    return True
