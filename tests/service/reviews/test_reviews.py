"""One review of each customer and product; who bought it; what is seen; what others make of it; and the ratings."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.base import Caller
from schemas.events.files import FileDeleted, FileStored
from schemas.events.orders import OrderCancelled, OrderConfirmed, OrderLine, Totals
from schemas.events.products import ProductArchived, ProductCreated, ProductEvent, ProductUpdated
from services.chassis.common.errors import Conflict, DomainError, Forbidden, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.dynamic_config import config
from tests.service.reviews.conftest import ADMIN, Desk, published
from tests.support.catalogue import product_detail


def order(event: type[Any], customer: Caller, product: str, order_id: str) -> Any:
    line = OrderLine(sku="MUG", product_id=product, title="Mug", quantity=1, unit_price=1, line_total=1)
    facts: dict[str, Any] = {
        "order_id": order_id, "number": "UM-1", "user_id": customer.user_id, "email": "a@b.test", "currency": "USD",
        "items": [line], "totals": Totals(subtotal=1, discount=0, shipping=0, tax=0, total=1), "total": 1,
        "shipping_address": {}, "shipping_method": "standard", "payment_id": "p", "cart_id": "c", "cart_version": 1,
        "reason": None, "refunded": 0,
    }  # fmt: skip
    return published(event.model_validate(facts))


def everybody(desk: Desk, product: str) -> dict[str, Any]:
    return dict(desk.call("rating", product=product))


def test_a_buyers_review_is_seen_at_once_and_counts(desk: Desk) -> None:
    product = desk.product()
    written = desk.approved(product, 4)

    assert (written["status"], written["verified"], written["author"]) == ("approved", True, {"name": "Ada L."})
    assert desk.listed(product) == [written["id"]]
    assert everybody(desk, product) == {
        "average": 4.0, "count": 1, "histogram": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0},
    }  # fmt: skip
    assert desk.said(written["id"]) == [("review_submitted", None), ("review_published", None)]
    assert desk.said(product) == [("rating_changed", 1)]


def test_a_strangers_review_waits_and_counts_when_it_is_approved(desk: Desk) -> None:
    product, stranger = desk.product(), desk.customer()
    written = desk.review(product, stranger, 2)

    assert (written["status"], written["verified"]) == ("pending", False)
    assert written["reason"]
    assert desk.listed(product) == []
    with pytest.raises(NotFound):
        desk.call("get_review", review_id=written["id"], caller=desk.customer())
    assert desk.call("get_review", review_id=written["id"], caller=stranger)["status"] == "pending"
    with pytest.raises(Forbidden):
        desk.call("moderate", review_id=written["id"], moderation={"status": "approved"}, caller=stranger)
    for word in ({"status": "approved"}, {"status": "approved"}):
        desk.call("moderate", review_id=written["id"], moderation=word, caller=ADMIN)
    assert desk.listed(product) == [written["id"]]
    assert everybody(desk, product)["average"] == 2.0
    desk.call("moderate", review_id=written["id"], moderation={"status": "rejected", "reason": "Spam"}, caller=ADMIN)
    assert everybody(desk, product)["count"] == 0
    assert desk.said(written["id"]) == [
        ("review_submitted", None), ("review_published", None), ("review_rejected", None),
    ]  # fmt: skip
    assert desk.said(product) == [("rating_changed", 1), ("rating_changed", 2)]
    assert desk.audited(written["id"]) == ["review.moderate"] * 2


def test_a_second_review_is_refused_also_at_the_same_moment(desk: Desk) -> None:
    product = desk.product()
    customer = desk.customer(product)

    def submit(stars: int) -> str:
        try:
            return str(desk.review(product, customer, stars % 5 + 1)["status"])
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(submit, range(20)))
    assert sorted(outcomes) == ["approved", *["refused"] * 19]
    assert everybody(desk, product)["count"] == 1


def test_the_same_command_twice_is_one_review(desk: Desk) -> None:
    product = desk.product()
    customer = desk.customer(product)
    key = {"owner": str(customer.user_id), "key": new_id(), "fingerprint": "f"}

    def submit(_: int) -> Any:
        try:
            return desk.review(product, customer, idempotency=key)
        except DomainError as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(submit, range(8)))
    again = submit(0)
    assert {reply["id"] for reply in [*replies, again] if isinstance(reply, dict)} == {again["id"]}
    assert {reply for reply in replies if isinstance(reply, str)} <= {"IDEMPOTENCY_IN_PROGRESS"}


def test_a_hundred_reviews_at_the_same_time_give_the_right_rating(desk: Desk) -> None:
    product = desk.product()
    stars = [random.Random(5).randint(1, 5) for _ in range(60)]
    customers = [desk.customer(product) for _ in stars]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda pair: desk.review(product, *pair), zip(customers, stars, strict=True)))

    rating = everybody(desk, product)
    assert rating["count"] == 60
    assert rating["average"] == round(sum(stars) / 60, 2)
    assert rating["histogram"] == {str(star): stars.count(star) for star in range(1, 6)}
    assert [sequence for _, sequence in sorted(desk.said(product), key=lambda said: said[1] or 0)] == list(range(1, 61))


@pytest.mark.parametrize("first", ["review", "purchase"])
def test_a_purchase_marks_the_review_whichever_is_first(desk: Desk, first: str) -> None:
    product, customer = desk.product(), desk.customer()
    order_id = new_id()
    bought = order(OrderConfirmed, customer, product, order_id)
    if first == "purchase":
        desk.service.note_purchase(bought)
    written = desk.review(product, customer, 3)
    if first == "review":
        assert written["status"] == "pending"
        desk.service.note_purchase(bought)
        desk.service.note_purchase(bought)

    seen = desk.call("get_review", review_id=written["id"], caller=customer)
    assert (seen["verified"], seen["status"]) == (True, "approved")
    assert everybody(desk, product)["count"] == 1

    desk.service.note_cancelled_purchase(order(OrderCancelled, customer, product, order_id))
    seen = desk.call("get_review", review_id=written["id"], caller=customer)
    assert (seen["verified"], seen["status"]) == (False, "pending")
    assert everybody(desk, product)["count"] == 0


def test_a_cancellation_that_is_heard_first_still_counts(desk: Desk) -> None:
    product, customer, order_id = desk.product(), desk.customer(), new_id()
    desk.service.note_cancelled_purchase(order(OrderCancelled, customer, product, order_id))
    desk.service.note_purchase(order(OrderConfirmed, customer, product, order_id))
    assert not desk.review(product, customer)["verified"]
    desk.service.note_purchase(order(OrderConfirmed, customer, product, new_id()))
    assert everybody(desk, product)["count"] == 1


def test_a_purchase_and_a_review_at_the_same_moment_never_miss_each_other(desk: Desk) -> None:
    product = desk.product()
    customers = [desk.customer() for _ in range(24)]
    with ThreadPoolExecutor(16) as pool:
        for customer in customers:
            pool.submit(desk.review, product, customer)
            pool.submit(desk.service.note_purchase, order(OrderConfirmed, customer, product, new_id()))
    found = list(desk.store.db["reviews"].find({"product_id": product}))
    assert [(review["verified"], review["status"]) for review in found] == [(True, "approved")] * 24
    assert everybody(desk, product)["count"] == 24


def test_fifty_vote_at_the_same_time_and_change_their_minds(desk: Desk) -> None:
    product = desk.product()
    review_id = desk.approved(product)["id"]
    voters = [desk.customer() for _ in range(50)]

    def vote(task: tuple[Caller, bool]) -> None:
        desk.call("vote", review_id=review_id, helpful=task[1], caller=task[0])

    tasks = [(voter, helpful) for voter in voters for helpful in (True, False, True)]
    random.Random(1).shuffle(tasks)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(vote, tasks))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(vote, [(voter, index % 5 != 0) for index, voter in enumerate(voters)]))

    seen = desk.call("get_review", review_id=review_id, caller=Caller())
    assert (seen["helpful"], seen["not_helpful"]) == (40, 10)


def test_nobody_votes_on_their_own_review_or_on_what_is_not_seen(desk: Desk) -> None:
    product = desk.product()
    author = desk.customer(product)
    own = desk.review(product, author)["id"]
    with pytest.raises(Conflict):
        desk.call("vote", review_id=own, helpful=True, caller=author)
    waiting = desk.review(product, desk.customer())["id"]
    for review_id in (waiting, new_id()):
        with pytest.raises(NotFound):
            desk.call("vote", review_id=review_id, helpful=True, caller=desk.customer())


def test_enough_reports_make_a_review_wait_once(desk: Desk) -> None:
    product = desk.product()
    review_id = desk.approved(product)["id"]
    reporters = [desk.customer() for _ in range(5)]

    def report(reporter: Caller) -> None:
        desk.call("report", review_id=review_id, reason="Advertisement", caller=reporter)

    for _ in range(3):
        report(reporters[0])
    assert desk.listed(product) == [review_id]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, reporters[1:]))
    seen = desk.call("get_review", review_id=review_id, caller=ADMIN)
    assert (seen["status"], seen["reports"]) == ("pending", 5)
    assert everybody(desk, product)["count"] == 0
    desk.call("moderate", review_id=review_id, moderation={"status": "approved"}, caller=ADMIN)
    report(desk.customer())
    assert desk.listed(product) == [review_id]
    reported = desk.call("list_all", query={"reported": True, "product": product}, caller=ADMIN)
    assert [found["id"] for found in reported["items"]] == [review_id]


def test_an_edit_is_judged_anew_and_moves_the_rating(desk: Desk) -> None:
    product = desk.product()
    author = desk.customer(product)
    review_id = desk.review(product, author, 1)["id"]

    changed = desk.call("edit", review_id=review_id, patch={"rating": 5}, caller=author)
    assert (changed["rating"], changed["status"]) == (5, "approved")
    assert everybody(desk, product) | {"histogram": None} == {"average": 5.0, "count": 1, "histogram": None}
    changed = desk.call("edit", review_id=review_id, patch={"text": "Go to www.elsewhere.test"}, caller=author)
    assert changed["status"] == "pending"
    assert everybody(desk, product)["count"] == 0
    with pytest.raises(NotFound):
        desk.call("edit", review_id=review_id, patch={"rating": 1}, caller=desk.customer())


def test_a_deleted_review_is_gone_and_may_be_written_again(desk: Desk) -> None:
    product = desk.product()
    author = desk.customer(product)
    review_id = desk.review(product, author)["id"]
    desk.call("vote", review_id=review_id, helpful=True, caller=desk.customer())
    with pytest.raises(NotFound):
        desk.call("delete", review_id=review_id, caller=desk.customer())
    desk.call("delete", review_id=review_id, caller=author)

    assert everybody(desk, product)["count"] == 0
    assert desk.store.db["votes"].count_documents({"review_id": review_id}) == 0
    assert desk.review(product, author)["helpful"] == 0


def test_the_vendor_answers(desk: Desk) -> None:
    vendor = Caller(user_id=new_id(), roles=["VENDOR"])
    product = desk.product(vendor_id=vendor.user_id)
    review_id = desk.approved(product)["id"]

    answered = desk.call("reply", review_id=review_id, text="Thank you!", caller=vendor)
    assert answered["reply"]["text"] == "Thank you!"
    rival = Caller(user_id=new_id(), roles=["VENDOR"])
    with pytest.raises(NotFound):
        desk.call("reply", review_id=review_id, text="Buy mine", caller=rival)
    news = ProductUpdated(
        product_id=product, slug="mug", title="Mug", status="active", skus=(), vendor_id=rival.user_id
    )
    desk.service.know_product_better(published(news, sequence=1))
    with pytest.raises(NotFound):
        desk.call("reply", review_id=review_id, text="Buy mine", caller=rival)
    desk.service.know_product_better(published(news, sequence=2))
    assert desk.call("reply", review_id=review_id, text="Mine now", caller=rival)["reply"]["text"] == "Mine now"


def test_a_slug_is_that_of_the_product_on_offer(desk: Desk) -> None:
    first, second = sorted([new_id(), new_id()])
    slug = f"mug-{first}"

    def news(kind: type[ProductEvent], product_id: str, sequence: int) -> Any:
        said = kind(product_id=product_id, slug=slug, title="Mug", status="active", skus=())
        return published(said, sequence=sequence)

    desk.service.meet_product(news(ProductCreated, first, 1))
    old = desk.review(slug, desk.customer(first))
    desk.service.know_archived_product(news(ProductArchived, first, 2))
    assert desk.listed(slug) == [old["id"]]
    desk.service.meet_product(news(ProductCreated, second, 1))

    assert desk.listed(slug) == []
    assert desk.review(slug, desk.customer(second))["product_id"] == second


def test_pictures_are_the_authors_own(desk: Desk) -> None:
    product = desk.product()
    author = desk.customer(product)

    def stored(owner: Caller, purpose: str = "review", kind: type[Any] = FileStored) -> Any:
        file = kind(file_id=new_id(), sha256="0" * 64, owner_id=owner.user_id, purpose=purpose, bytes=1)
        return published(file)

    own, others, avatar = stored(author), stored(desk.customer()), stored(author, "avatar")
    for event in (own, others, avatar):
        desk.service.note_picture(event)
    for strange in (others, avatar):
        with pytest.raises(ValidationFailed) as refused:
            desk.review(product, author, images=[own.file_id, strange.file_id])
        assert refused.value.details[0]["field"] == "images.1"
    written = desk.review(product, author, images=[own.file_id])
    assert written["images"] == [own.file_id]
    assert desk.listed(product, with_images=True) == [written["id"]]
    assert desk.listed(product, with_images=False) == []

    gone = stored(author, kind=FileDeleted)
    desk.service.forget_picture(gone)
    desk.service.note_picture(published(FileStored(**gone.model_dump())))
    with pytest.raises(ValidationFailed):
        desk.call("edit", review_id=written["id"], patch={"images": [gone.file_id]}, caller=author)


def test_lists_are_ordered_filtered_and_paged(desk: Desk) -> None:
    product = desk.product()
    ids = [desk.approved(product, stars)["id"] for stars in (3, 5, 1, 5)]
    for _ in range(2):
        desk.call("vote", review_id=ids[2], helpful=True, caller=desk.customer())
    stranger = desk.review(product, desk.customer(), 4)["id"]
    desk.call("moderate", review_id=stranger, moderation={"status": "approved"}, caller=ADMIN)

    assert desk.listed(product) == [stranger, *reversed(ids)]
    assert desk.listed(product, sort="helpful")[0] == ids[2]
    assert desk.listed(product, sort="rating")[0] == ids[2]
    assert desk.listed(product, sort="-rating")[:2] == [ids[3], ids[1]]
    assert desk.listed(product, verified=False) == [stranger]
    assert desk.listed(product, rating=5) == [ids[3], ids[1]]
    page = desk.call("list_reviews", product=product, query={"page": 2, "limit": 2})
    assert ([found["id"] for found in page["items"]], page["total"]) == ([ids[2], ids[1]], 5)
    for query in ({"rating": 5}, {"rating": 5, "verified": True}):
        assert desk.call("list_reviews", product=product, query=query)["total"] == 2


def test_every_list_of_a_product_is_read_from_its_index(desk: Desk) -> None:
    product = desk.product()
    desk.approved(product)
    for field in ("created_at", "helpful", "rating"):
        found = desk.store.db["reviews"].find({"product_id": product, "status": "approved"})
        plan = found.sort([(field, -1), ("_id", -1)]).explain()["queryPlanner"]["winningPlan"]
        assert "'SORT'" not in str(plan), plan
        assert f"product_by_{field}" in str(plan)


def test_a_product_that_is_older_than_we_are_is_asked_for_once(desk: Desk) -> None:
    old = new_id()
    desk.catalogue.known[old] = product_detail(old, slug=f"old-{old}", title="Old", version=4)
    customer = desk.customer(old)
    assert desk.review(old, customer)["status"] == "approved"
    assert desk.listed(f"old-{old}")
    assert desk.catalogue.asked == 1
    with pytest.raises(NotFound):
        desk.review(new_id(), customer)


def test_reviews_of_another_shop_are_brought_once(desk: Desk) -> None:
    product = desk.product()
    rows = [
        {
            "product_id": product, "author": "Grace Hopper", "author_key": f"{stars}@x.test", "rating": stars,
            "text": "Fine. Really.", "created_at": "2025-04-30T09:41:02.053Z",
        }
        for stars in (5, 4, 4)
    ]  # fmt: skip
    assert desk.call("import_reviews", reviews=rows, caller=ADMIN) == {"created": 2, "unchanged": 1}
    assert desk.call("import_reviews", reviews=rows, caller=ADMIN) == {"created": 0, "unchanged": 3}
    assert everybody(desk, product)["average"] == 4.5
    assert desk.said(product) == [("rating_changed", 1)]
    assert [found["title"] for found in desk.call("list_reviews", product=product, query={})["items"]] == ["Fine"] * 2


def test_a_wrong_rating_is_found_and_mended(desk: Desk) -> None:
    products = [desk.product() for _ in range(3)]
    for product in products:
        desk.approved(product, 4)
    ratings = desk.store.db["ratings"]
    ratings.update_one({"_id": products[0]}, {"$inc": {"sum": 3, "stars.2": 1}})
    ratings.delete_one({"_id": products[1]})

    mended, cursor = 0, None
    while True:
        reply = desk.call("rebuild_ratings", cursor=cursor)
        mended, cursor = mended + reply["mended"], reply["next"]
        if cursor is None:
            break
    assert mended == 2
    assert [everybody(desk, product)["average"] for product in products] == [4.0] * 3
    assert desk.said(products[0])[-1] == ("rating_changed", 2)
    assert desk.call("rebuild_ratings")["mended"] == 0


def test_rules_are_the_administrators(desk: Desk) -> None:
    product = desk.product()
    with pytest.raises(Forbidden):
        desk.call("set_rules", rules={"verified_only": False}, caller=desk.customer())
    desk.call("set_rules", rules={"verified_only": False, "blocked_words": ["Casino"]}, caller=ADMIN)

    assert desk.call("rules")["blocked_words"] == ["casino"]
    assert desk.review(product, desk.customer())["status"] == "approved"
    assert desk.review(product, desk.customer(), title="Casino!")["status"] == "pending"


def test_moments_are_kept_to_the_millisecond(desk: Desk) -> None:
    before = datetime.now(UTC)
    written = desk.approved(desk.product())
    assert datetime.fromisoformat(written["created_at"]) >= before.replace(microsecond=0)
    again = desk.call("get_review", review_id=written["id"], caller=Caller())
    assert written["created_at"] == again["created_at"]


def test_a_switch_turns_reviews_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    product = desk.product()
    written = desk.approved(product)
    monkeypatch.setattr(config, "enabled", lambda name: name != "reviews")

    assert desk.call("list_reviews", product=product, query={})["total"] == 0
    with pytest.raises(Forbidden):
        desk.review(product, desk.customer(product))
    with pytest.raises(Forbidden):
        desk.call("vote", review_id=written["id"], helpful=True, caller=desk.customer())
    assert desk.call("list_all", query={"product": product}, caller=ADMIN)["total"] == 1
    monkeypatch.undo()
    assert desk.listed(product) == [written["id"]]
