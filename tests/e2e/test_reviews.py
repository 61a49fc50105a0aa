"""Reviews over HTTP: submission, verification, moderation, votes, reports, and the product's rating."""

from typing import Any

import pytest

from tests.support.files import unique_picture, upload
from tests.support.shop import Client, Reply, Shop, eventually, new_key

REVIEW = {"rating": 4, "title": "Holds tea", "text": "And survives camping."}


def product_of(shop: Shop, sku: str) -> str:
    """The id of a product that this test has just created."""
    newest = shop.guest()("GET", "/products?limit=20").data
    return next(str(item["id"]) for item in newest if item["title"].endswith(sku))


@pytest.fixture(autouse=True, scope="module")
def _rules(shop: Shop) -> None:
    """Reset the review rules to their defaults, whatever other tests changed."""
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


def submit_review(client: Client, product: str, key: str | None = None, **changes: Any) -> Reply:
    return client("POST", f"/products/{product}/reviews", REVIEW | changes, key=key)


def rating(shop: Shop, product: str) -> dict[str, Any]:
    return dict(shop.guest()("GET", f"/products/{product}").data["rating"])


def test_review_of_a_buyer_is_verified_and_counted(shop: Shop, sku: str, product: str) -> None:
    customer = buyer(shop, sku)
    submitted = submit_review(customer, product)
    assert submitted.status == 201, submitted
    review_id = submitted.data["id"]

    reviews = eventually(lambda: shop.guest()("GET", f"/products/{product}/reviews").data)
    assert [(review["id"], review["verified"], review["status"]) for review in reviews] == [
        (review_id, True, "approved")
    ]
    assert reviews[0]["author"] == {"name": "Grace H."}
    expected = {"average": 4.0, "count": 1, "histogram": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}}
    assert eventually(lambda: rating(shop, product) == expected), rating(shop, product)
    listed = shop.guest()("GET", "/products?rating=4&sort=-created_at&limit=1").data
    assert (listed[0]["id"], listed[0]["rating"]) == (product, {"average": 4.0, "count": 1})
    again = submit_review(customer, product)
    assert (again.status, again.code) == (409, "CONFLICT")


def test_review_repeated_with_its_key_is_one_review(shop: Shop, product: str) -> None:
    customer, key = shop.customer(), new_key()
    first, second = (submit_review(customer, product, key) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.raw == second.raw
    other = submit_review(customer, product, key, rating=1)
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_review_of_a_non_buyer_waits_for_moderation(shop: Shop, product: str) -> None:
    author = shop.customer()
    review_id = submit_review(author, product).data["id"]

    assert shop.guest()("GET", f"/products/{product}/reviews").data == []
    assert shop.guest()("GET", f"/reviews/{review_id}").status == 404
    assert shop.customer()("GET", f"/reviews/{review_id}").status == 404
    own_reviews = author("GET", "/reviews").data
    assert [(review["id"], review["status"]) for review in own_reviews] == [(review_id, "pending")]
    assert own_reviews[0]["reason"]
    assert author("POST", f"/reviews/{review_id}/moderate", {"status": "approved"}).status == 403
    pending = shop.admin("GET", f"/reviews?status=pending&product={product}").data
    assert [review["id"] for review in pending] == [review_id]
    no_reason = shop.admin("POST", f"/reviews/{review_id}/moderate", {"status": "rejected"})
    assert (no_reason.status, no_reason.error["details"]) == (
        422,
        [{"field": "reason", "message": "is required for a rejection"}],
    )
    assert shop.admin("POST", f"/reviews/{review_id}/moderate", {"status": "approved"}).status == 200
    assert [review["id"] for review in shop.guest()("GET", f"/products/{product}/reviews").data] == [review_id]


def test_votes_reports_replies_edits_and_deletion(shop: Shop, vendor: Client) -> None:
    sku = shop.product(stock=50, vendor_id=vendor("GET", "/auth/me").data["id"])
    product = product_of(shop, sku)
    author, other = buyer(shop, sku), shop.customer()
    review_id = submit_review(author, product).data["id"]
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


def test_images_must_be_files_of_the_author(shop: Shop, sku: str, product: str) -> None:
    author = buyer(shop, sku)
    own_file = upload(author, unique_picture(60, 40)).data["id"]
    other_file = upload(shop.customer(), unique_picture(60, 40)).data["id"]

    refused = submit_review(author, product, images=[own_file, other_file])
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "images.1")
    submitted = submit_review(author, product, images=[own_file])
    assert (submitted.status, submitted.data["images"]) == (201, [own_file])


@pytest.mark.parametrize(
    ("change", "field"),
    [({"rating": 6}, "rating"), ({"rating": "5"}, "rating"), ({"title": ""}, "title"), ({"text": "x" * 5001}, "text"),
     ({"images": ["x"]}, "images.0"), ({"verified": True}, "verified")],
)  # fmt: skip
def test_invalid_review_is_refused(shop: Shop, product: str, change: dict[str, Any], field: str) -> None:
    refused = submit_review(shop.customer(), product, **change)
    assert (refused.status, refused.error["details"][0]["field"]) == (422, field)


def test_unknown_product_and_review_are_not_found(shop: Shop) -> None:
    unknown = "0197b1c8-7a5e-7cc0-9f00-00000000dead"
    assert submit_review(shop.customer(), unknown).status == 404
    assert shop.guest()("GET", f"/products/{unknown}/reviews").status == 404
    assert shop.guest()("GET", "/products/no-such-product/reviews").status == 404
    assert shop.guest()("GET", f"/reviews/{unknown}").status == 404
    assert shop.guest()("POST", f"/products/{unknown}/reviews", REVIEW).status == 401


def test_reviews_of_the_demo_catalogue_are_listed(shop: Shop) -> None:
    rating_ = shop.guest()("GET", "/products/red-lipstick").data["rating"]
    reviews = shop.guest()("GET", "/products/red-lipstick/reviews?sort=-rating").body
    assert reviews["pagination"]["total"] == rating_["count"] == sum(rating_["histogram"].values()) > 0
    stars = [review["rating"] for review in reviews["data"]]
    assert stars == sorted(stars, reverse=True)
