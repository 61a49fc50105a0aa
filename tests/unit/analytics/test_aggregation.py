"""Aggregation: figures depend on the set of events only, not on order, duplicates or batches."""

import copy
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.domain.facts import Skipped, parse_record
from services.analytics.domain.presentation import net, spent
from tests.unit.analytics.histories import VENDOR, History, MemoryReadModel, aggregate, line, sale


def busy_day() -> list[dict[str, Any]]:
    """A history with every kind of event: guest and customer orders, refunds, parcels, searches, payments, stock."""
    history = History()
    history.track("s1", "page_viewed")
    history.track("s1", "search_performed", query="Red  mug", results=3)
    history.track("s1", "search_performed", query="red mug")
    history.track("s1", "result_clicked", query="red mug", position=2, product_id="mug")
    history.track("s1", "product_viewed", product_id="mug")
    history.track("s1", "cart_added", product_id="mug", user_id="ada")
    history.product("mug", VENDOR)
    history.track("s1", "cart_added", sku="MUG")
    history.product("lamp")
    history.product("chair", "another")
    history.track("s5", "cart_added", sku="CHAIR")
    history.track("s5", "product_viewed", product_id="nobody-knows")
    history.order("o1", line("mug", 1299, 2, VENDOR, tax=101), line("lamp", 4550, tax=33), user="ada", discount=777)
    history.track("s2", "cart_added", product_id="lamp", cart_id="c2")
    history.order("o2", line("lamp", 4550), cart="c2")
    history.exposed("c2", "checkout", "short")
    history.exposed("ada", "checkout", "long", user="ada")
    history.refund("o1", 1000)
    history.track("s3", "session_identified", user_id="ada")
    history.track("s3", "product_viewed", product_id="lamp", consent=False)
    history.track("s4", "search_performed", query="nothing like it", results=0)
    history.later(hours=7).order("o3", line("mug", 1299), user="ada", shipping=0)
    history.refund("o1", 4000, "order_payment_reversed")
    history.publish("orders", "order_placed", "o4", sale("o4", user="bob", cart="c4"))
    history.refund("o4", 1500, "order_payment_reversed")
    history.ship("o1", 50)
    history.payment("p1", "payment_declined", code="insufficient_funds")
    history.payment("p1", "payment_authorized")
    history.payment("p2", "payment_declined", code="card_declined")
    history.dispute("d1", amount=700)
    history.later(hours=30).dispute("d1", "won", amount=700)
    for on_hand in (10, 9, 8):
        history.publish("inventory", "stock_changed", "MUG", {"on_hand": on_hand, "available": on_hand})
    history.publish("inventory", "nobody_knows", "MUG", {})
    history.publish("orders", "order_confirmed", "o9", sale("o9", user="eve", cart="c9"), version=2)
    return history.records


DAY = busy_day()
FIGURES = aggregate(DAY).figures()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_figures_do_not_depend_on_order_or_batches(data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(DAY), max_size=20))
    shuffled = data.draw(st.permutations(DAY + repeated))
    read_model = MemoryReadModel()

    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        read_model.apply(shuffled[:size])
        shuffled = shuffled[size:]

    assert read_model.figures() == FIGURES


def test_order_counts_in_each_dimension() -> None:
    history = History()
    history.order("o1", line("mug", 1299, 2, VENDOR, tax=101), line("lamp", 4550, tax=33), user="ada", discount=777)

    shop = aggregate(history.records)

    assert shop.counter("total") == {"o": 1, "u": 3, "g": 7148, "d": 777, "x": 134, "s": 500}
    assert shop.counter("product", "mug") == {"o": 1, "u": 2, "g": 2598, "d": 282, "x": 101, "s": 182}
    assert shop.counter("product", "lamp") == {"o": 1, "u": 1, "g": 4550, "d": 495, "x": 33, "s": 318}
    assert shop.counter("total", scope=VENDOR) == shop.counter("product", "mug")
    assert shop.counter("customer", "ada") == shop.counter("country", "US") == shop.counter("total")
    assert shop.customers["ada"]["spent"] == {"USD": 7148 - 777 + 134 + 500}


def test_refund_counts_in_its_own_month() -> None:
    history = History(datetime(2026, 3, 31, 23, 0, tzinfo=UTC))
    history.order("o1", line("mug", 333), line("lamp", 334), shipping=0)
    history.later(hours=2).refund("o1", 100)
    history.refund("o1", 667, "order_payment_reversed")

    shop = aggregate(history.records)

    assert shop.counter("total")["r"] == 667
    assert shop.counter("product", "mug")["r"] + shop.counter("product", "lamp")["r"] == 667
    assert {name[7:].split("|")[1] for name, fields in shop.counters.items() if "|m|" in name and "r" in fields}
    assert "|total|USD|m|2026-04-01T00:00|" in shop.counters
    assert next(iter(shop.customers.values()))["spent"] == {"USD": 0}


def test_fully_refunded_order_nets_zero() -> None:
    history = History()
    history.order("o1", line("mug", 333, 3), line("lamp", 334), discount=101, shipping=495, tax=77)
    paid = 3 * 333 + 334 - 101 + 495 + 77
    for refunded in (1, 500, 501, paid):
        history.refund("o1", refunded)

    shop = aggregate(history.records)

    for counter in (shop.counter("total"), shop.counter("product", "mug"), shop.counter("product", "lamp")):
        assert net(counter) == 0
        assert spent(counter) == 0
        assert (counter.get("x", 0), counter.get("s", 0)) == (0, 0)
    assert shop.counter("total")["r"] == 3 * 333 + 334 - 101


def test_partial_refund_counts_goods_in_proportion() -> None:
    history = History()
    history.order("o1", line("mug", 1000), line("lamp", 3000), discount=400, shipping=300, tax=100)
    history.refund("o1", 1000)  # of 4000

    shop = aggregate(history.records)

    assert shop.counter("total") == {"o": 1, "u": 2, "g": 4000, "d": 400, "r": 900, "x": 75, "s": 225}
    assert net(shop.counter("total")) == 4000 - 400 - 900
    assert shop.counter("product", "mug")["r"] == 225
    assert spent(shop.counter("total")) == 3000


def test_disputes_count_by_outcome_day_and_currency() -> None:
    history = History()
    history.dispute("d1", amount=700)
    history.dispute("d1", amount=700)
    history.dispute("d2", amount=300, currency="EUR")
    history.later(hours=30).dispute("d1", "lost", amount=700)

    counters = aggregate(history.records).figures()["counters"]

    disputes = {tuple(name.split("|")[2:]): sums for name, sums in counters.items() if name.startswith("|dispute|")}
    assert sorted(
        (currency, key, sums["n"], sums["a"]) for (currency, level, _, key), sums in disputes.items() if level == "d"
    ) == [("EUR", "opened", 1, 300), ("USD", "lost", 1, 700), ("USD", "opened", 1, 700)]
    assert len({start for (currency, level, start, _) in disputes if (currency, level) == ("USD", "d")}) == 2


def test_unconfirmed_order_is_no_sale() -> None:
    history = History()
    history.publish("orders", "order_placed", "o1", sale("o1", user=None, cart="c"))
    history.refund("o1", 1500, "order_payment_reversed")

    shop = aggregate(history.records)

    assert shop.counter("total") == {}
    assert shop.counter("funnel", currency="") == {"s0": 1, "s1": 1, "s2": 1}


def test_funnel_counts_each_session_once() -> None:
    history = History()
    history.track("looks", "page_viewed")
    history.track("fills", "cart_added", product_id="mug")
    history.track("buys", "page_viewed")
    history.track("buys", "session_identified", user_id="ada")
    history.order("o1", user="ada")
    history.order("o2", user="ada")
    history.order("o3", cart="unseen")

    shop = aggregate(history.records)

    assert shop.counter("funnel", currency="") == {"s0": 4, "s1": 3, "s2": 2, "s3": 2}
    assert shop.counter("left", "mug", currency="") == {"n": 1, "u": 1}


def test_vendor_funnel_counts_own_products() -> None:
    history = History()
    history.track("looks", "product_viewed", product_id="mug")
    history.track("looks", "product_viewed", product_id="cup")
    history.track("looks elsewhere", "cart_added", product_id="lamp")
    history.track("fills", "cart_added", sku="CUP")
    history.track("nobody", "product_viewed", product_id="mug", consent=False)
    history.track("buys", "result_clicked", product_id="lamp")
    history.track("buys", "session_identified", user_id="ada")
    history.order("o1", line("mug", vendor=VENDOR), line("lamp", vendor="another"), user="ada")
    history.publish("orders", "order_placed", "o2", sale("o2", line("cup", vendor=VENDOR), user=None, cart="unseen"))
    for product, vendor in (("mug", VENDOR), ("cup", VENDOR), ("lamp", "another"), ("chair", None)):
        history.product(product, vendor)

    shop = aggregate(history.records)

    assert shop.counter("funnel", scope=VENDOR, currency="") == {"s0": 4, "s1": 3, "s2": 2, "s3": 1}
    assert shop.counter("funnel", scope="another", currency="") == {"s0": 2, "s1": 2, "s2": 1, "s3": 1}
    assert shop.counter("funnel", currency="") == {"s0": 5, "s1": 4, "s2": 2, "s3": 1}


def test_flag_counts_exposures_and_conversions() -> None:
    history = History(datetime(2026, 3, 10, 8, 0, tzinfo=UTC))
    history.exposed("ada", "checkout", "short", user="ada")
    history.exposed("ada", "checkout", "short", user="ada")
    history.exposed("bob", "checkout", "short", user="bob")
    history.exposed("cart", "checkout", "long")
    history.publish("orders", "order_placed", "o1", sale("o1", user=None, cart="cart"))
    history.order("o2", user="ada")
    history.order("o3", user="eve")
    history.exposed("eve", "checkout", "short", user="eve")  # after the attribution window
    history.later(days=1).exposed("ada", "checkout", "short", user="ada")

    shop = aggregate(history.records)

    assert shop.counter("flag", "checkout|short", currency="") == {"e": 4, "c": 1, "p": 1}
    assert shop.counter("flag", "checkout|long", currency="") == {"e": 1, "c": 1}


def test_view_without_consent_counts_in_no_session() -> None:
    history = History()
    history.track("nobody", "product_viewed", product_id="mug", consent=False)

    shop = aggregate(history.records)

    assert shop.counter("views", "mug", currency="") == {"n": 1}
    assert shop.counter("funnel", currency="") == {}


def test_repeated_search_within_a_minute_counts_once() -> None:
    history = History(datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    history.track("s", "search_performed", query="Mug ")
    history.track("s", "search_performed", query="mug", results=0)
    history.later(minutes=1).track("s", "search_performed", query="mug", results=2)
    history.track("s", "result_clicked", query="mug", position=3)

    assert aggregate(history.records).counter("query", "mug", currency="") == {"s": 2, "z": 1, "c": 1, "ps": 3, "pn": 1}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (None, "malformed"),
        (b'{"source": "/orders", "type": "order_tasted"}', "ignored"),
        (b'{"source": ["/orders"], "type": {}}', "malformed"),
    ],
)
def test_unreadable_record_is_skipped_with_reason(raw: bytes | None, reason: str) -> None:
    with pytest.raises(Skipped) as skipped:
        parse_record(raw)

    assert skipped.value.reason == reason


@pytest.mark.parametrize("field", ["items", "totals", "currency", "shipping_address", "email"])
@pytest.mark.parametrize("value", [None, 7, [1], {"x": 1}])
def test_malformed_order_counts_whole_or_not_at_all(field: str, value: Any) -> None:
    def totals(records: list[dict[str, Any]]) -> dict[str, Any]:
        counters = aggregate(records).figures()["counters"]
        return {key: sums for key, sums in counters.items() if key.startswith("|total|")}

    history = History()
    history.order("o1", user="ada")
    complete = totals(history.records)
    without_order = totals([*history.records[:1], *history.records[2:]])
    history.records[1] = copy.deepcopy(history.records[1])
    history.records[1]["data"][field] = value

    assert totals(history.records) in (without_order, complete)
    assert without_order != complete


def test_newer_event_version_is_skipped() -> None:
    history = History()
    record = history.publish("orders", "order_confirmed", "o1", sale("o1", user="ada", cart="c"), version=2)

    with pytest.raises(Skipped) as skipped:
        parse_record(orjson.dumps(record))

    assert skipped.value.reason == "unknown_version"
