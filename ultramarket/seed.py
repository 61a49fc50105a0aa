"""Seed data: the demo catalogue with stock, images and reviews, loaded through the public API."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ultramarket import catalogue
from ultramarket.api_client import ApiClient, ApiError, administrator_client
from ultramarket.dummyjson import reviews_of
from ultramarket.importer import ImportResult, import_lines
from ultramarket.instance import Instance
from ultramarket.product_images import PlaceholderImages

PRODUCTS: Final = Path(__file__).with_name("data") / "products.json"
REVIEW_BATCH: Final = 300
ATTEMPTS: Final = 3


def seed(instance: Instance, advance: Callable[[int], None] = lambda _n: None) -> ImportResult:
    """Idempotent; does not restore stock that was sold. Raises `ApiError`.

    Products come without images or reviews while those services are unavailable; a second run adds them.
    """
    client = administrator_client(instance)
    images = PlaceholderImages(client)
    result = import_lines(client, images.add_to(catalogue.read(PRODUCTS)), advance)
    reviews_loaded = _import_reviews(client, result.ids)
    if not result.refused and not images.missing and reviews_loaded:
        instance.seeded = True
        instance.save()
    return result


def _import_reviews(client: ApiClient, product_ids: dict[int, str]) -> bool:
    """Import the reviews of the loaded products, given by line. False: the reviews service is unavailable."""
    rows = json.loads(PRODUCTS.read_text(encoding="utf-8"))
    reviews = [
        review
        for number, row in enumerate(rows, 1)
        if number in product_ids
        for review in reviews_of(row, product_ids[number])
    ]
    batches = [reviews[start : start + REVIEW_BATCH] for start in range(0, len(reviews), REVIEW_BATCH)]
    return all(_import_batch(client, batch) for batch in batches)


def _import_batch(client: ApiClient, reviews: list[catalogue.Row]) -> bool:
    for attempt in range(ATTEMPTS):
        try:
            client.post("/reviews/import", {"reviews": reviews})
        except ApiError as error:
            if not error.is_temporary:
                raise
            time.sleep(0.3 * attempt)
        else:
            return True
    return False
