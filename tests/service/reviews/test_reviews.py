"""Reviews: submission, verification by purchase, moderation, votes, reports, replies, ratings, rebuild."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.caller import Caller
from schemas.events.files import FileDeleted, FileStored
from schemas.events.orders import OrderCancelled, OrderConfirmed, OrderLine, Totals
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from services.chassis.common.errors import Conflict, DomainError, Forbidden, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.dynamic_config import config
from services.chassis.messaging.personal_data import Person
from tests.service.reviews.conftest import ADMIN, ReviewsClient, as_consumed
from tests.support.catalogue import product_detail


def order(event: type[Any], customer: Caller, product: str, order_id: str) -> Any:
    line = OrderLine(sku="MUG", product_id=product, title="Mug", quantity=1, unit_price=1, line_total=1)
    fields: dict[str, Any] = {
        "order_id": order_id, "number": "UM-1", "user_id": customer.user_id, "email": "a@b.test", "currency": "USD",
        "items": [line], "totals": Totals(subtotal=1, discount=0, shipping=0, tax=0, total=1), "total": 1,
        "shipping_address": {}, "shipping_method": "standard", "payment_id": "p", "cart_id": "c", "cart_version": 1,
        "reason": None, "refunded": 0,
    }  # fmt: skip
    return as_consumed(event.model_validate(fields))


def rating_of(reviews: ReviewsClient, product: str) -> dict[str, Any]:
    return dict(reviews.call("rating", product=product))


def test_buyers_review_is_approved_at_once(reviews: ReviewsClient) -> None:
    product = reviews.product()
    submitted = reviews.approved(product, 4)

    assert (submitted["status"], submitted["verified"], submitted["author"]) == ("approved", True, {"name": "Ada L."})
    assert reviews.list_ids(product) == [submitted["id"]]
    assert rating_of(reviews, product) == {
        "average": 4.0, "count": 1, "histogram": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0},
    }  # fmt: skip
    assert reviews.published_events(submitted["id"]) == [("review_submitted", None), ("review_published", None)]
    assert reviews.published_events(product) == [("rating_changed", 1)]


def test_unverified_review_counts_once_approved(reviews: ReviewsClient) -> None:
    product, author = reviews.product(), reviews.customer()
    submitted = reviews.review(product, author, 2)

    assert (submitted["status"], submitted["verified"]) == ("pending", False)
    assert submitted["reason"]
    assert reviews.list_ids(product) == []
    with pytest.raises(NotFound):
        reviews.call("get_review", review_id=submitted["id"], caller=reviews.customer())
    assert reviews.call("get_review", review_id=submitted["id"], caller=author)["status"] == "pending"
    with pytest.raises(Forbidden):
        reviews.call("moderate", review_id=submitted["id"], moderation={"status": "approved"}, caller=author)
    for decision in ({"status": "approved"}, {"status": "approved"}):
        reviews.call("moderate", review_id=submitted["id"], moderation=decision, caller=ADMIN)
    assert reviews.list_ids(product) == [submitted["id"]]
    assert rating_of(reviews, product)["average"] == 2.0
    reviews.call(
        "moderate", review_id=submitted["id"], moderation={"status": "rejected", "reason": "Spam"}, caller=ADMIN
    )
    assert rating_of(reviews, product)["count"] == 0
    assert reviews.published_events(submitted["id"]) == [
        ("review_submitted", None), ("review_published", None), ("review_rejected", None),
    ]  # fmt: skip
    assert reviews.published_events(product) == [("rating_changed", 1), ("rating_changed", 2)]
    assert reviews.audited(submitted["id"]) == ["review.moderate"] * 2


def test_second_review_is_refused_even_concurrently(reviews: ReviewsClient) -> None:
    product = reviews.product()
    customer = reviews.customer(product)

    def submit(stars: int) -> str:
        try:
            return str(reviews.review(product, customer, stars % 5 + 1)["status"])
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(submit, range(20)))
    assert sorted(outcomes) == ["approved", *["refused"] * 19]
    assert rating_of(reviews, product)["count"] == 1


def test_repeated_command_creates_one_review(reviews: ReviewsClient) -> None:
    product = reviews.product()
    customer = reviews.customer(product)
    key = {"owner": str(customer.user_id), "key": new_id(), "fingerprint": "f"}

    def submit(_: int) -> Any:
        try:
            return reviews.review(product, customer, idempotency=key)
        except DomainError as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(submit, range(8)))
    again = submit(0)
    assert {reply["id"] for reply in [*replies, again] if isinstance(reply, dict)} == {again["id"]}
    assert {reply for reply in replies if isinstance(reply, str)} <= {"IDEMPOTENCY_IN_PROGRESS"}


def test_rating_is_right_after_concurrent_reviews(reviews: ReviewsClient) -> None:
    product = reviews.product()
    stars = [random.Random(5).randint(1, 5) for _ in range(60)]
    customers = [reviews.customer(product) for _ in stars]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda pair: reviews.review(product, *pair), zip(customers, stars, strict=True)))

    rating = rating_of(reviews, product)
    assert rating["count"] == 60
    assert rating["average"] == round(sum(stars) / 60, 2)
    assert rating["histogram"] == {str(star): stars.count(star) for star in range(1, 6)}
    assert [
        sequence for _, sequence in sorted(reviews.published_events(product), key=lambda event: event[1] or 0)
    ] == list(range(1, 61))


@pytest.mark.parametrize("first", ["review", "purchase"])
def test_purchase_verifies_review_in_either_order(reviews: ReviewsClient, first: str) -> None:
    product, customer = reviews.product(), reviews.customer()
    order_id = new_id()
    confirmed = order(OrderConfirmed, customer, product, order_id)
    if first == "purchase":
        reviews.service.add_confirmed_purchase(confirmed)
    submitted = reviews.review(product, customer, 3)
    if first == "review":
        assert submitted["status"] == "pending"
        reviews.service.add_confirmed_purchase(confirmed)
        reviews.service.add_confirmed_purchase(confirmed)

    current = reviews.call("get_review", review_id=submitted["id"], caller=customer)
    assert (current["verified"], current["status"]) == (True, "approved")
    assert rating_of(reviews, product)["count"] == 1

    reviews.service.cancel_purchase(order(OrderCancelled, customer, product, order_id))
    current = reviews.call("get_review", review_id=submitted["id"], caller=customer)
    assert (current["verified"], current["status"]) == (False, "pending")
    assert rating_of(reviews, product)["count"] == 0


def test_cancellation_before_purchase_counts(reviews: ReviewsClient) -> None:
    product, customer, order_id = reviews.product(), reviews.customer(), new_id()
    reviews.service.cancel_purchase(order(OrderCancelled, customer, product, order_id))
    reviews.service.add_confirmed_purchase(order(OrderConfirmed, customer, product, order_id))
    assert not reviews.review(product, customer)["verified"]
    reviews.service.add_confirmed_purchase(order(OrderConfirmed, customer, product, new_id()))
    assert rating_of(reviews, product)["count"] == 1


def test_concurrent_purchase_and_review_are_verified(reviews: ReviewsClient) -> None:
    product = reviews.product()
    customers = [reviews.customer() for _ in range(24)]
    with ThreadPoolExecutor(16) as pool:
        for customer in customers:
            pool.submit(reviews.review, product, customer)
            pool.submit(reviews.service.add_confirmed_purchase, order(OrderConfirmed, customer, product, new_id()))
    stored = list(reviews.store.db["reviews"].find({"product_id": product}))
    assert [(review["verified"], review["status"]) for review in stored] == [(True, "approved")] * 24
    assert rating_of(reviews, product)["count"] == 24


def test_concurrent_votes_and_changes_are_counted(reviews: ReviewsClient) -> None:
    product = reviews.product()
    review_id = reviews.approved(product)["id"]
    voters = [reviews.customer() for _ in range(50)]

    def vote(task: tuple[Caller, bool]) -> None:
        reviews.call("vote", review_id=review_id, helpful=task[1], caller=task[0])

    tasks = [(voter, helpful) for voter in voters for helpful in (True, False, True)]
    random.Random(1).shuffle(tasks)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(vote, tasks))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(vote, [(voter, index % 5 != 0) for index, voter in enumerate(voters)]))

    current = reviews.call("get_review", review_id=review_id, caller=Caller())
    assert (current["helpful"], current["not_helpful"]) == (40, 10)


def test_vote_on_own_or_pending_review_is_refused(reviews: ReviewsClient) -> None:
    product = reviews.product()
    author = reviews.customer(product)
    own_review = reviews.review(product, author)["id"]
    with pytest.raises(Conflict):
        reviews.call("vote", review_id=own_review, helpful=True, caller=author)
    pending = reviews.review(product, reviews.customer())["id"]
    for review_id in (pending, new_id()):
        with pytest.raises(NotFound):
            reviews.call("vote", review_id=review_id, helpful=True, caller=reviews.customer())


def test_reports_set_review_to_pending_once(reviews: ReviewsClient) -> None:
    product = reviews.product()
    review_id = reviews.approved(product)["id"]
    reporters = [reviews.customer() for _ in range(5)]

    def report(reporter: Caller) -> None:
        reviews.call("report", review_id=review_id, reason="Advertisement", caller=reporter)

    for _ in range(3):
        report(reporters[0])
    assert reviews.list_ids(product) == [review_id]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, reporters[1:]))
    current = reviews.call("get_review", review_id=review_id, caller=ADMIN)
    assert (current["status"], current["reports"]) == ("pending", 5)
    assert rating_of(reviews, product)["count"] == 0
    reviews.call("moderate", review_id=review_id, moderation={"status": "approved"}, caller=ADMIN)
    report(reviews.customer())
    assert reviews.list_ids(product) == [review_id]
    reported = reviews.call("list_all", query={"reported": True, "product": product}, caller=ADMIN)
    assert [review["id"] for review in reported["items"]] == [review_id]


def test_edit_updates_status_and_rating(reviews: ReviewsClient) -> None:
    product = reviews.product()
    author = reviews.customer(product)
    review_id = reviews.review(product, author, 1)["id"]

    changed = reviews.call("edit", review_id=review_id, patch={"rating": 5}, caller=author)
    assert (changed["rating"], changed["status"]) == (5, "approved")
    assert rating_of(reviews, product) | {"histogram": None} == {"average": 5.0, "count": 1, "histogram": None}
    changed = reviews.call("edit", review_id=review_id, patch={"text": "Go to www.elsewhere.test"}, caller=author)
    assert changed["status"] == "pending"
    assert rating_of(reviews, product)["count"] == 0
    with pytest.raises(NotFound):
        reviews.call("edit", review_id=review_id, patch={"rating": 1}, caller=reviews.customer())


def test_deleted_review_can_be_written_again(reviews: ReviewsClient) -> None:
    product = reviews.product()
    author = reviews.customer(product)
    review_id = reviews.review(product, author)["id"]
    reviews.call("vote", review_id=review_id, helpful=True, caller=reviews.customer())
    with pytest.raises(NotFound):
        reviews.call("delete", review_id=review_id, caller=reviews.customer())
    reviews.call("delete", review_id=review_id, caller=author)

    assert rating_of(reviews, product)["count"] == 0
    assert reviews.store.db["votes"].count_documents({"review_id": review_id}) == 0
    assert reviews.review(product, author)["helpful"] == 0


def test_vendor_reply(reviews: ReviewsClient) -> None:
    vendor = Caller(user_id=new_id(), roles=["VENDOR"])
    product = reviews.product(vendor_id=vendor.user_id)
    review_id = reviews.approved(product)["id"]

    replied = reviews.call("reply", review_id=review_id, text="Thank you!", caller=vendor)
    assert replied["reply"]["text"] == "Thank you!"
    other_vendor = Caller(user_id=new_id(), roles=["VENDOR"])
    with pytest.raises(NotFound):
        reviews.call("reply", review_id=review_id, text="Buy mine", caller=other_vendor)
    updated = ProductUpdated(
        product_id=product, slug="mug", title="Mug", status="active", skus=(), vendor_id=other_vendor.user_id
    )
    reviews.service.store_changed_product([as_consumed(updated, sequence=1)])
    with pytest.raises(NotFound):
        reviews.call("reply", review_id=review_id, text="Buy mine", caller=other_vendor)
    reviews.service.store_changed_product([as_consumed(updated, sequence=2)])
    assert (
        reviews.call("reply", review_id=review_id, text="Mine now", caller=other_vendor)["reply"]["text"] == "Mine now"
    )


@pytest.mark.parametrize("status", ["pending", "rejected"])
def test_vendor_finds_no_unapproved_review_to_reply_to(reviews: ReviewsClient, status: str) -> None:
    vendor = Caller(user_id=new_id(), roles=["VENDOR"])
    product = reviews.product(vendor_id=vendor.user_id)
    author = reviews.customer(product)
    review_id = reviews.review(product, author)["id"]
    reviews.call("moderate", review_id=review_id, moderation={"status": status, "reason": "Checked"}, caller=ADMIN)

    with pytest.raises(NotFound) as refused:
        reviews.call("reply", review_id=review_id, text="You are wrong", caller=vendor)

    assert (refused.value.message, refused.value.details) == ("There is no such review", [])
    assert reviews.call("get_review", review_id=review_id, caller=author)["reply"] is None


def test_slug_selects_product_on_offer(reviews: ReviewsClient) -> None:
    first, second = sorted([new_id(), new_id()])
    slug = f"mug-{first}"

    def product_event(kind: type[ProductEvent], product_id: str, sequence: int) -> Any:
        event = kind(product_id=product_id, slug=slug, title="Mug", status="active", skus=())
        return as_consumed(event, sequence=sequence)

    reviews.service.store_new_product([product_event(ProductCreated, first, 1)])
    old = reviews.review(slug, reviews.customer(first))
    reviews.service.store_archived_product([product_event(ProductArchived, first, 2)])
    assert reviews.list_ids(slug) == [old["id"]]
    reviews.service.store_new_product([product_event(ProductCreated, second, 1)])

    assert reviews.list_ids(slug) == []
    assert reviews.review(slug, reviews.customer(second))["product_id"] == second


def test_pictures_must_belong_to_author(reviews: ReviewsClient) -> None:
    product = reviews.product()
    author = reviews.customer(product)

    def file_event(owner: Caller, purpose: str = "review", kind: type[Any] = FileStored) -> Any:
        file = kind(file_id=new_id(), sha256="0" * 64, owner_id=owner.user_id, purpose=purpose, bytes=1)
        return as_consumed(file)

    own_file, other_file, avatar = file_event(author), file_event(reviews.customer()), file_event(author, "avatar")
    for event in (own_file, other_file, avatar):
        reviews.service.store_picture(event)
    for invalid in (other_file, avatar):
        with pytest.raises(ValidationFailed) as refused:
            reviews.review(product, author, images=[own_file.file_id, invalid.file_id])
        assert refused.value.details[0]["field"] == "images.1"
    submitted = reviews.review(product, author, images=[own_file.file_id])
    assert submitted["images"] == [own_file.file_id]
    assert reviews.list_ids(product, with_images=True) == [submitted["id"]]
    assert reviews.list_ids(product, with_images=False) == []

    deleted = file_event(author, kind=FileDeleted)
    reviews.service.delete_picture(deleted)
    reviews.service.store_picture(as_consumed(FileStored(**deleted.model_dump())))
    with pytest.raises(ValidationFailed):
        reviews.call("edit", review_id=submitted["id"], patch={"images": [deleted.file_id]}, caller=author)


def test_lists_are_sorted_filtered_and_paged(reviews: ReviewsClient) -> None:
    product = reviews.product()
    ids = [reviews.approved(product, stars)["id"] for stars in (3, 5, 1, 5)]
    for _ in range(2):
        reviews.call("vote", review_id=ids[2], helpful=True, caller=reviews.customer())
    unverified = reviews.review(product, reviews.customer(), 4)["id"]
    reviews.call("moderate", review_id=unverified, moderation={"status": "approved"}, caller=ADMIN)

    assert reviews.list_ids(product) == [unverified, *reversed(ids)]
    assert reviews.list_ids(product, sort="helpful")[0] == ids[2]
    assert reviews.list_ids(product, sort="rating")[0] == ids[2]
    assert reviews.list_ids(product, sort="-rating")[:2] == [ids[3], ids[1]]
    assert reviews.list_ids(product, verified=False) == [unverified]
    assert reviews.list_ids(product, rating=5) == [ids[3], ids[1]]
    page = reviews.call("list_reviews", product=product, query={"page": 2, "limit": 2})
    assert ([review["id"] for review in page["items"]], page["total"]) == ([ids[2], ids[1]], 5)
    for query in ({"rating": 5}, {"rating": 5, "verified": True}):
        assert reviews.call("list_reviews", product=product, query=query)["total"] == 2


def test_product_lists_use_an_index(reviews: ReviewsClient) -> None:
    product = reviews.product()
    reviews.approved(product)
    for field in ("created_at", "helpful", "rating"):
        cursor = reviews.store.db["reviews"].find({"product_id": product, "status": "approved"})
        plan = cursor.sort([(field, -1), ("_id", -1)]).explain()["queryPlanner"]["winningPlan"]
        assert "'SORT'" not in str(plan), plan
        assert f"product_by_{field}" in str(plan)


def test_unknown_product_is_requested_once(reviews: ReviewsClient) -> None:
    product_id = new_id()
    reviews.products.products[product_id] = product_detail(product_id, slug=f"old-{product_id}", title="Old", version=4)
    customer = reviews.customer(product_id)
    assert reviews.review(product_id, customer)["status"] == "approved"
    assert reviews.list_ids(f"old-{product_id}")
    assert reviews.products.requests == 1
    with pytest.raises(NotFound):
        reviews.review(new_id(), customer)


def test_import_is_idempotent(reviews: ReviewsClient) -> None:
    product = reviews.product()
    rows = [
        {
            "product_id": product, "author": "Grace Hopper", "author_key": f"{stars}@x.test", "rating": stars,
            "text": "Fine. Really.", "created_at": "2025-04-30T09:41:02.053Z",
        }
        for stars in (5, 4, 4)
    ]  # fmt: skip
    assert reviews.call("import_reviews", reviews=rows, caller=ADMIN) == {"created": 2, "unchanged": 1}
    assert reviews.call("import_reviews", reviews=rows, caller=ADMIN) == {"created": 0, "unchanged": 3}
    assert rating_of(reviews, product)["average"] == 4.5
    assert reviews.published_events(product) == [("rating_changed", 1)]
    assert [review["title"] for review in reviews.call("list_reviews", product=product, query={})["items"]] == [
        "Fine"
    ] * 2


def test_rebuild_corrects_ratings(reviews: ReviewsClient) -> None:
    products = [reviews.product() for _ in range(3)]
    for product in products:
        reviews.approved(product, 4)
    ratings = reviews.store.db["ratings"]
    ratings.update_one({"_id": products[0]}, {"$inc": {"sum": 3, "stars.2": 1}})
    ratings.delete_one({"_id": products[1]})

    corrected, cursor = 0, None
    while True:
        reply = reviews.call("rebuild_ratings", cursor=cursor)
        corrected, cursor = corrected + reply["mended"], reply["next"]
        if cursor is None:
            break
    assert corrected == 2
    assert [rating_of(reviews, product)["average"] for product in products] == [4.0] * 3
    assert reviews.published_events(products[0])[-1] == ("rating_changed", 2)
    assert reviews.call("rebuild_ratings")["mended"] == 0


def test_rules_require_administrator(reviews: ReviewsClient) -> None:
    product = reviews.product()
    with pytest.raises(Forbidden):
        reviews.call("set_rules", rules={"verified_only": False}, caller=reviews.customer())
    reviews.call("set_rules", rules={"verified_only": False, "blocked_words": ["Casino"]}, caller=ADMIN)

    assert reviews.call("rules", caller=ADMIN)["blocked_words"] == ["casino"]
    assert reviews.review(product, reviews.customer())["status"] == "approved"
    assert reviews.review(product, reviews.customer(), title="Casino!")["status"] == "pending"


def test_times_are_stored_in_milliseconds(reviews: ReviewsClient) -> None:
    before = datetime.now(UTC)
    submitted = reviews.approved(reviews.product())
    assert datetime.fromisoformat(submitted["created_at"]) >= before.replace(microsecond=0)
    again = reviews.call("get_review", review_id=submitted["id"], caller=Caller())
    assert submitted["created_at"] == again["created_at"]


def test_flag_turns_reviews_off(reviews: ReviewsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    product = reviews.product()
    submitted = reviews.approved(product)
    monkeypatch.setattr(config, "enabled", lambda name: name != "reviews")

    assert reviews.call("list_reviews", product=product, query={})["total"] == 0
    with pytest.raises(Forbidden):
        reviews.review(product, reviews.customer(product))
    with pytest.raises(Forbidden):
        reviews.call("vote", review_id=submitted["id"], helpful=True, caller=reviews.customer())
    assert reviews.call("list_all", query={"product": product}, caller=ADMIN)["total"] == 1
    monkeypatch.undo()
    assert reviews.list_ids(product) == [submitted["id"]]


def test_erasure_removes_the_author_and_keeps_the_review(reviews: ReviewsClient) -> None:
    product = reviews.product()
    author, other = reviews.customer(product), reviews.customer(product)
    review = reviews.review(product, author, title="By Ada")
    others = reviews.review(product, other, title="By Bob")
    reviews.call("vote", review_id=others["id"], helpful=True, caller=author)
    person = Person(str(author.user_id))
    exported = {name: list(rows) for name, rows in reviews.service.personal_data(person).items()}

    for _ in range(2):
        reviews.service.erase_person(person)

    documents = {row["_id"]: row for row in reviews.store.db["reviews"].find({"product_id": product})}
    erased = documents[review["id"]]
    assert ([row["id"] for row in exported["reviews"]], len(exported["votes"])) == ([review["id"]], 1)
    assert (erased["author"], erased["email"], erased["images"]) == ("Former customer", None, [])
    assert (erased["rating"], erased["text"]) == (review["rating"], review["text"])
    assert documents[others["id"]]["author"] == "Ada L."


def test_batch_of_product_events_keeps_the_newest(reviews: ReviewsClient) -> None:
    stored, new = reviews.product(), new_id()

    def renamed(product_id: str, title: str, sequence: int) -> Any:
        event = ProductUpdated(product_id=product_id, slug=f"p-{product_id}", title=title, status="active", skus=())
        return as_consumed(event, sequence=sequence)

    events = [renamed(stored, "Cup", 3), renamed(new, "Jar", 2), renamed(stored, "Bowl", 2), renamed(new, "Pot", 1)]
    reviews.service.store_changed_product(events)
    reviews.service.store_changed_product([renamed(stored, "Mug", 1), renamed(new, "Can", 2)])

    titles = [(reviews.store.reference_data.product(product) or {})["title"] for product in (stored, new)]
    assert titles == ["Cup", "Jar"]
