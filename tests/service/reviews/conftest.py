"""The reviews service on real MongoDB, with a fake products service."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.caller import Caller
from schemas.events.base import Event, EventMeta, sequence_of
from schemas.rpc.products import ProductsRpc
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import new_id
from services.chassis.messaging.signatures import Signature
from services.chassis.testing import connect_mongo
from services.reviews.service import ReviewsService
from services.reviews.store import ReviewStore
from tests.support.fake_services import typed

ADMIN = Caller(user_id=new_id(), roles=["ADMIN"])


def as_consumed(event: Event, sequence: int | None = None) -> Any:
    """The event as a consumer receives it."""
    event._meta = EventMeta(
        id=new_id(), source=event.source, type=event.type, subject=event.subject, time=datetime.now(UTC),
        sequence=sequence,
    )  # fmt: skip
    return event


class FakeProducts:
    """A fake of the products service."""

    interface = ProductsRpc

    def __init__(self) -> None:
        self.products: dict[str, dict[str, Any]] = {}
        self.requests = 0

    def get_product(self, id_or_slug: str) -> dict[str, Any]:
        self.requests += 1
        if id_or_slug not in self.products:
            raise NotFound("There is no such product")
        return self.products[id_or_slug]


class ReviewsClient:
    """Calls the service through its RPC contract."""

    def __init__(self, store: ReviewStore) -> None:
        self.store = store
        self.products = FakeProducts()
        self.service = worker_factory(ReviewsService, store=store, products=typed(self.products))

    def call(self, method: str, /, **kwargs: Any) -> Any:
        contract = Signature(getattr(ReviewsService, method))
        return getattr(self.service, method)(*contract.arguments([], kwargs))

    def product(self, vendor_id: str | None = None) -> str:
        product_id = new_id()
        fields = {"slug": f"p-{product_id}", "title": "Mug", "vendor_id": vendor_id, "sequence": 1}
        self.store.reference_data.store_products({product_id: fields})
        return product_id

    def customer(self, *product_ids: str) -> Caller:
        caller = Caller(user_id=new_id(), roles=["CUSTOMER"], email="ada@example.com")
        if product_ids:
            self.store.reference_data.add_purchases(str(caller.user_id), new_id(), product_ids)
        return caller

    def review(self, product: str, caller: Caller, rating: int = 5, **values: Any) -> dict[str, Any]:
        fields = {"rating": rating, "title": "Holds tea", "text": "And survives camping.", **values}
        key = fields.pop("idempotency", None)
        return dict(
            self.call(
                "submit",
                product=product,
                review=fields,
                author="Ada Lovelace",
                caller=caller,
                idempotency=key,
            )
        )

    def approved(self, product: str, rating: int = 5) -> dict[str, Any]:
        return self.review(product, self.customer(product), rating)

    def list_ids(self, product: str, **query: Any) -> list[str]:
        return [review["id"] for review in self.call("list_reviews", product=product, query=query)["items"]]

    def published_events(self, subject: str) -> list[tuple[str, int | None]]:
        events = [row["event"] for row in self.store.db["outbox"].find({"event.subject": subject}).sort("_id")]
        return [(event["type"], sequence_of(event)) for event in events if event["source"] == "/reviews"]

    def audited(self, review_id: str) -> list[str]:
        """Recorded audit actions of a review."""
        rows = self.store.db["outbox"].find({"event.type": "action_recorded"}).sort("_id")
        actions = [row["event"]["data"] for row in rows]
        return [action["action"] for action in actions if action["resource"]["id"] == review_id]


@pytest.fixture(scope="module")
def review_store() -> Iterator[ReviewStore]:
    with connect_mongo("reviews", ReviewStore) as store:
        yield store


@pytest.fixture
def reviews(review_store: ReviewStore) -> ReviewsClient:
    review_store.db["settings"].delete_many({})
    return ReviewsClient(review_store)
