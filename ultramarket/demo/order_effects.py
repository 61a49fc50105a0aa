"""Effects of an order: a verified review, mail, and analytics figures."""

import time
from typing import Any, Final

from ultramarket import mail
from ultramarket.api_client import ApiClient
from ultramarket.demo.session import DemoSession
from ultramarket.money import format_money

REVIEW: Final = {"rating": 5, "title": "Does what it should", "text": "It came quickly, and I would buy it again."}


def review(session: DemoSession, product: dict[str, Any]) -> None:
    """A review that is published at once, because it is by a verified buyer."""
    path = f"/products/{product['id']}/reviews"
    submitted = session.client.post(path, REVIEW, idempotent=True)

    def published_review() -> dict[str, Any] | None:
        current: dict[str, Any] = session.client.get(f"/reviews/{submitted['id']}")
        return current if current["verified"] and current["status"] == "approved" else None

    published = session.poll(published_review, "the review is not verified: `ultramarket logs reviews`")
    session.step(f"POST {path}", f"{published['rating']} stars by {published['author']['name']}")
    session.detail(f"a verified purchase, {published['status']} by the moderation rules")

    def new_rating() -> dict[str, Any] | None:
        rating: dict[str, Any] = session.client.get(f"/products/{product['slug']}")["rating"]
        return rating if rating["count"] > product["rating"]["count"] else None

    before, after = product["rating"], session.poll(new_rating, "the review is not part of the product's rating")
    session.detail(f"{before['average']} of {before['count']} → {after['average']} of {after['count']} reviews")


def show_mail(session: DemoSession, email: str, order: dict[str, Any]) -> None:
    if "mail" in session.instance.external:
        session.step("mail", "sent through an external server")
        return

    def received() -> list[dict[str, Any]]:
        summaries = mail.summaries(session.instance, to=email)
        return summaries if any(order["number"] in summary["subject"] for summary in summaries) else []

    summaries = session.poll(received, "no mail about the order arrived")
    session.step("ultramarket mail", "the customer's mails")
    for summary in summaries:
        session.detail(f"{summary['subject']}  [dim]({summary['id']})[/]")


def sales_of(administrator: ApiClient, product_id: str) -> dict[str, Any]:
    """Sales of a product in the last 30 days according to analytics; empty without any."""
    sales = administrator.get("/analytics/sales?group_by=product")
    return next((group for group in sales["groups"] if group["key"] == product_id), {})


def show_figures(
    session: DemoSession, administrator: ApiClient, product: dict[str, Any], before: dict[str, Any], ordered_at: float
) -> None:
    """Wait until the order, placed at `ordered_at` (monotonic), is counted, and print the figures."""

    def updated_sales() -> dict[str, Any] | None:
        sales = sales_of(administrator, product["id"])
        return sales if sales.get("orders", 0) > before.get("orders", 0) else None

    sales = session.poll(updated_sales, "the order is not counted: `ultramarket logs analytics-consumer`")
    seconds = time.monotonic() - ordered_at
    session.step("GET /analytics/sales?group_by=product", f"counted at most {seconds:.1f} s after the order")
    session.detail(
        f"{sales['label']}: orders {sales['orders']}, units {sales['units']}, net {format_money(sales['net'])}"
    )
    funnel = administrator.get("/analytics/funnel")["steps"]
    session.detail("funnel: " + " → ".join(f"{step['name']} {step['sessions']}" for step in funnel))
