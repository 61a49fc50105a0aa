"""Parts of the scenarios: what buyers were told, the chart, the report."""

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from ultramarket.chaos.buyers import Buyer, Counters, Outcome
from ultramarket.chaos.chart import chart
from ultramarket.chaos.outage_results import OutageResult
from ultramarket.chaos.report import write_report
from ultramarket.chaos.run import Fault, Sample
from ultramarket.chaos.scenarios import SCENARIOS, kill_all
from ultramarket.chaos.shop_client import Reply
from ultramarket.verify.results import Breach, CheckResult

ORDER = {"id": "o-1", "status": "confirmed", "access_key": "key", "total": {"amount": 2498, "currency": "USD"}}


class Answers:
    """A client that gives prepared replies."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def persist(self, *_: Any, **__: Any) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def error(status: int, code: str, **detail: str) -> Reply:
    return Reply(status, {"error": {"code": code, "details": [detail]}})


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ([Reply(201, {"data": ORDER})], "confirmed", "confirmed"),
        ([Reply(202, {"data": ORDER | {"status": "pending"}}), Reply(200, {"data": ORDER})], "confirmed", "confirmed"),
        ([Reply(202, {"data": ORDER | {"status": "failed"}})], "refused", "failed"),
        ([error(409, "OUT_OF_STOCK", sku="MUG")], "refused", "OUT_OF_STOCK"),
        ([error(402, "PAYMENT_DECLINED", order_id="o-1")], "refused", "PAYMENT_DECLINED"),
        ([error(500, "INTERNAL_ERROR")], "unknown", "INTERNAL_ERROR"),
        ([Reply(0)], "unknown", "HTTP 0"),
    ],
)
def test_buyer_is_told_one_outcome(replies: list[Reply], kind: str, code: str) -> None:
    counters = Counters()

    outcome = Buyer(Answers(*replies), counters).order()  # type: ignore[arg-type]

    assert (outcome.kind, outcome.code) == (kind, code)
    assert (counters.placed, getattr(counters, kind), counters.in_flight) == (1, 1, 0)


@pytest.mark.parametrize(
    ("reply", "temporary"),
    [
        (Reply(0), True),
        (Reply(503), True),
        (error(409, "IDEMPOTENCY_IN_PROGRESS"), True),
        (error(409, "OUT_OF_STOCK"), False),
        (Reply(201), False),
    ],
)
def test_temporary_reply_is_sent_again(reply: Reply, temporary: bool) -> None:
    assert reply.is_temporary is temporary


def test_chart_shows_orders_and_faults() -> None:
    samples = [Sample(0, 0, 0, 0, 0), Sample(5, 10, 4, 2, 4), Sample(10, 20, 12, 8, 0)]

    document = ElementTree.fromstring(chart("kill <all>", samples, [Fault("kill orders", 2, 4), Fault("open", 6)]))

    lines = document.findall("{*}polyline")
    assert len(lines) == 4
    assert lines[0].attrib["points"].split()[-1] == "936.0,56.0", "20 placed at the end of 10 s: the upper right corner"
    assert [title.text for title in document.iter("{http://www.w3.org/2000/svg}title")] == ["kill orders", "open"]


def test_report_says_what_is_wrong(tmp_path: Path) -> None:
    instance, client = SimpleNamespace(layout="compact"), SimpleNamespace(statuses={"201": 2})
    run: Any = SimpleNamespace(
        scenario="oversell", seed=7, buyers=2, instance=instance, client=client, findings={"sold": 3},
        wrong=["3 sold of 2"], samples=[Sample(4.5, 2, 2, 0, 0)], faults=[], outcomes=[Outcome("confirmed", "a")],
        outages=[OutageResult("redis frozen", 3, {"201": 3, "503": 1}, 2.0, "POST /orders: 503", 0.4, 1.5)],
        availability={"redis": {"search": "yes", "cart": "no"}}, servers=("redis",), fault_seconds=2.5,
    )  # fmt: skip
    results = [CheckResult("stock", 1, [Breach("MUG", "below zero")])]

    path = write_report(run, "many buyers", results, tmp_path)

    facts, text = json.loads((tmp_path / "oversell.json").read_text()), path.read_text()
    assert (facts["right"], facts["wrong"], facts["seconds"]) == (False, ["3 sold of 2"], 4.5)
    breach = {"id": "MUG", "message": "below zero"}
    assert facts["verify"] == [{"check": "stock", "examined": 1, "seconds": 0.0, "breaches": [breach]}]
    assert "Verdict: **wrong**" in text
    assert "`ultramarket chaos oversell --buyers 2 --seed 7 --server redis --fault-seconds 2.5`: 4.5 s" in text
    assert "* MUG: below zero" in text
    assert "| sold | 3 |" in text
    assert "| redis frozen | 3 | 201: 3, 503: 1 | 2.0 s (POST /orders: 503) | 0.4 s | 1.5 s |" in text
    assert "| while stopped | search | cart |\n|---|---|---|\n| redis | yes | no |" in text
    assert (tmp_path / "oversell.svg").read_text().startswith("<svg")


def test_scenarios_have_a_summary_and_buyers() -> None:
    assert all(scenario.summary and scenario.buyers > 0 for scenario in SCENARIOS.values())


def test_each_process_has_its_turn_to_be_killed() -> None:
    run: Any = SimpleNamespace(rng=random.Random(3))
    kills = {"cart": 1, "orders": 0, "gateway": 0}

    chosen = {kill_all._next_process(run, kills, down=["gateway"]) for _ in range(20)}

    assert chosen == {"orders"}
    assert kill_all._next_process(run, kills, down=list(kills)) is None
