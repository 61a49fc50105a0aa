"""What comes of an order: a review by somebody who bought it, mail, and figures."""

import time
from typing import Any

from ultramarket import mail
from ultramarket.api_client import ApiClient
from ultramarket.demo.session import DemoSession, money

REVIEW = {"rating": 5, "title": "Does what it should", "text": "It came quickly, and I would buy it again."}


def review(stage: DemoSession, product: dict[str, Any]) -> None:
    """One that everybody sees at once, because the shop knows that she bought it."""
    written = stage.api.post(f"/products/{product['id']}/reviews", REVIEW, idempotent=True)

    def seen() -> dict[str, Any] | None:
        mine: dict[str, Any] = stage.api.get(f"/reviews/{written['id']}")
        return mine if mine["verified"] and mine["status"] == "approved" else None

    mine = stage.until(seen, "the review isn't verified: `ultramarket logs reviews`")
    stage.tell(f"POST /products/{product['id']}/reviews", f"{mine['rating']} stars by {mine['author']['name']}")
    stage.detail(f"verified: she bought it; {mine['status']} by the shop's rules")

    def counted() -> dict[str, Any] | None:
        rating: dict[str, Any] = stage.api.get(f"/products/{product['slug']}")["rating"]
        return rating if rating["count"] > product["rating"]["count"] else None

    rating = stage.until(counted, "the review isn't in the product's rating")
    before = product["rating"]
    stage.detail(f"{before['average']} of {before['count']} → {rating['average']} of {rating['count']} reviews")


def show_mail(stage: DemoSession, email: str, order: dict[str, Any]) -> None:
    if "mail" in stage.instance.external:
        stage.tell("mail", "goes to a server of yours: look there")
        return

    def arrived() -> list[dict[str, Any]]:
        mine = [one for one in mail.summaries(stage.instance) if email in one["to"]]
        return mine if any(order["number"] in one["subject"] for one in mine) else []

    mine = stage.until(arrived, "no mail about the order came")
    stage.tell("ultramarket mail", "what is in her mailbox")
    for one in mine:
        stage.detail(f"{one['subject']}  [dim]({one['id']})[/]")


def figures_of(administrator: ApiClient, product_id: str) -> dict[str, Any]:
    """What the product has sold in the last 30 days, as analytics has counted it; empty: nothing."""
    sales = administrator.get("/analytics/sales?group_by=product")
    return next((group for group in sales["groups"] if group["key"] == product_id), {})


def show_figures(stage: DemoSession, administrator: ApiClient, product: dict[str, Any], before: dict[str, Any], at: float) -> None:
    """Until the order of the moment `at` (monotonic) is counted."""

    def counted() -> dict[str, Any] | None:
        now = figures_of(administrator, product["id"])
        return now if now.get("orders", 0) > before.get("orders", 0) else None

    now = stage.until(counted, "the order isn't in the figures: `ultramarket logs analytics-consumer`")
    seconds = time.monotonic() - at
    stage.tell("GET /analytics/sales?group_by=product", f"the shop's figures have it, at most {seconds:.1f} s later")
    stage.detail(f"{now['label']}: orders {now['orders']}, units {now['units']}, net {money(now['net'])}")
    funnel = administrator.get("/analytics/funnel")["steps"]
    stage.detail("visits: " + " → ".join(f"{step['name']} {step['sessions']}" for step in funnel))
