"""Reviews through the gateway: written by buyers and others, moderated, voted on, counted into the product."""

from typing import Any

import pytest

from tests.support.files import unique_picture, upload
from tests.support.shop import Client, Reply, Shop, eventually, new_key

REVIEW = {"rating": 4, "title": "Holds tea", "text": "And survives camping."}


def product_of(shop: Shop, sku: str) -> str:
    """A product that a test has just made."""
    newest = shop.guest()("GET", "/products?limit=20").data
    return next(str(item["id"]) for item in newest if item["title"].endswith(sku))


@pytest.fixture(autouse=True, scope="module")
def _rules(shop: Shop) -> None:
    """As a new shop has them, whatever others tried."""
    assert shop.admin("PUT", "/reviews/rules", {}).status == 200


@pytest.fixture
def sku(shop: Shop) -> str:
    return shop.product(stock=50)


@pytest.fixture
def product(shop: Shop, sku: str) -> str:
    return product_of(shop, sku)


def buyer(shop: Shop, sku: str) -> Client:
    customer = shop.customer()
    assert customer.add(sku).status == 201
    assert customer.order().status == 201
    return customer


def write(who: Client, product: str, key: str | None = None, **changes: Any) -> Reply:
    return who("POST", f"/products/{product}/reviews", REVIEW | changes, key=key)


def rating(shop: Shop, product: str) -> dict[str, Any]:
    return dict(shop.guest()("GET", f"/products/{product}").data["rating"])


def test_a_buyers_review_is_verified_seen_and_counted(shop: Shop, sku: str, product: str) -> None:
    customer = buyer(shop, sku)
    written = write(customer, product)
    assert written.status == 201, written
    review_id = written.data["id"]

    seen = eventually(lambda: shop.guest()("GET", f"/products/{product}/reviews").data)
    assert [(found["id"], found["verified"], found["status"]) for found in seen] == [(review_id, True, "approved")]
    assert seen[0]["author"] == {"name": "Grace H."}
    counted = {"average": 4.0, "count": 1, "histogram": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}}
    assert eventually(lambda: rating(shop, product) == counted), rating(shop, product)
    listed = shop.guest()("GET", "/products?rating=4&sort=-created_at&limit=1").data
    assert (listed[0]["id"], listed[0]["rating"]) == (product, {"average": 4.0, "count": 1})
    again = write(customer, product)
    assert (again.status, again.code) == (409, "CONFLICT")


def test_the_same_key_is_the_same_review(shop: Shop, product: str) -> None:
    customer, key = shop.customer(), new_key()
    first, second = (write(customer, product, key) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.raw == second.raw
    other = write(customer, product, key, rating=1)
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_strangers_review_waits_for_an_administrator(shop: Shop, product: str) -> None:
    stranger = shop.customer()
    review_id = write(stranger, product).data["id"]

    assert shop.guest()("GET", f"/products/{product}/reviews").data == []
    assert shop.guest()("GET", f"/reviews/{review_id}").status == 404
    assert shop.customer()("GET", f"/reviews/{review_id}").status == 404
    own = stranger("GET", "/reviews").data
    assert [(found["id"], found["status"]) for found in own] == [(review_id, "pending")]
    assert own[0]["reason"]
    assert stranger("POST", f"/reviews/{review_id}/moderate", {"status": "approved"}).status == 403
    waiting = shop.admin("GET", f"/reviews?status=pending&product={product}").data
    assert [found["id"] for found in waiting] == [review_id]
    no_reason = shop.admin("POST", f"/reviews/{review_id}/moderate", {"status": "rejected"})
    assert (no_reason.status, no_reason.error["details"]) == (
        422,
        [{"field": "reason", "message": "is required for a rejection"}],
    )
    assert shop.admin("POST", f"/reviews/{review_id}/moderate", {"status": "approved"}).status == 200
    assert [found["id"] for found in shop.guest()("GET", f"/products/{product}/reviews").data] == [review_id]


def test_votes_reports_replies_and_the_authors_own_hand(shop: Shop, vendor: Client) -> None:
    sku = shop.product(stock=50, vendor_id=vendor("GET", "/auth/me").data["id"])
    product = product_of(shop, sku)
    author, other = buyer(shop, sku), shop.customer()
    review_id = write(author, product).data["id"]
    assert eventually(lambda: shop.guest()("GET", f"/reviews/{review_id}").status == 200)

    assert other("POST", f"/reviews/{review_id}/vote", {"helpful": True}).data == {"helpful": 1, "not_helpful": 0}
    assert other("POST", f"/reviews/{review_id}/vote", {"helpful": False}).data == {"helpful": 0, "not_helpful": 1}
    assert author("POST", f"/reviews/{review_id}/vote", {"helpful": True}).status == 409
    assert shop.guest()("POST", f"/reviews/{review_id}/vote", {"helpful": True}).status == 401
    assert other("POST", f"/reviews/{review_id}/report", {"reason": "Advertisement"}).status == 200
    assert shop.admin("GET", f"/reviews/{review_id}").data["reports"] == 1

    reply = vendor("POST", f"/reviews/{review_id}/reply", {"text": "Thank you!"})
    assert reply.data["reply"]["text"] == "Thank you!"
    assert shop.member("VENDOR")("POST", f"/reviews/{review_id}/reply", {"text": "Buy mine"}).status == 404
    assert other("POST", f"/reviews/{review_id}/reply", {"text": "Mine"}).status == 403

    assert other("PATCH", f"/reviews/{review_id}", {"rating": 1}).status == 404
    assert author("PATCH", f"/reviews/{review_id}", {"rating": 2}).data["rating"] == 2
    assert eventually(lambda: rating(shop, product)["average"] == 2.0)
    assert other("DELETE", f"/reviews/{review_id}").status == 404
    assert author("DELETE", f"/reviews/{review_id}").status == 200
    assert eventually(lambda: rating(shop, product)["count"] == 0)


def test_pictures_are_files_of_the_author(shop: Shop, sku: str, product: str) -> None:
    author = buyer(shop, sku)
    own = upload(author, unique_picture(60, 40)).data["id"]
    others = upload(shop.customer(), unique_picture(60, 40)).data["id"]

    refused = write(author, product, images=[own, others])
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "images.1")
    written = write(author, product, images=[own])
    assert (written.status, written.data["images"]) == (201, [own])


@pytest.mark.parametrize(
    ("change", "field"),
    [({"rating": 6}, "rating"), ({"rating": "5"}, "rating"), ({"title": ""}, "title"), ({"text": "x" * 5001}, "text"),
     ({"images": ["x"]}, "images.0"), ({"verified": True}, "verified")],
)  # fmt: skip
def test_what_is_no_review(shop: Shop, product: str, change: dict[str, Any], field: str) -> None:
    refused = write(shop.customer(), product, **change)
    assert (refused.status, refused.error["details"][0]["field"]) == (422, field)


def test_what_is_not_there(shop: Shop) -> None:
    nowhere = "0197b1c8-7a5e-7cc0-9f00-00000000dead"
    assert write(shop.customer(), nowhere).status == 404
    assert shop.guest()("GET", f"/products/{nowhere}/reviews").status == 404
    assert shop.guest()("GET", "/products/no-such-product/reviews").status == 404
    assert shop.guest()("GET", f"/reviews/{nowhere}").status == 404
    assert shop.guest()("POST", f"/products/{nowhere}/reviews", REVIEW).status == 401


def test_the_catalogues_own_reviews_are_there(shop: Shop) -> None:
    rated = shop.guest()("GET", "/products/red-lipstick").data["rating"]
    reviews = shop.guest()("GET", "/products/red-lipstick/reviews?sort=-rating").body
    assert reviews["pagination"]["total"] == rated["count"] == sum(rated["histogram"].values()) > 0
    stars = [found["rating"] for found in reviews["data"]]
    assert stars == sorted(stars, reverse=True)
