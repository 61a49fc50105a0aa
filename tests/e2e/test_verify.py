"""`ultramarket verify` on the running instance: right books are right, and each falsified one is named."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from typer.testing import CliRunner

from tests.support.shop import Client, Shop, eventually, new_key
from ultramarket.cli import app
from ultramarket.instance import load
from ultramarket.verify import event_log, events, ledger, orders, provider, read_models, shipments, stock
from ultramarket.verify.results import CheckResult
from ultramarket.verify.runner import settled, verify
from ultramarket.verify.stores import Stores

runner = CliRunner()

ADDRESSES = {
    "postgres": "ULTRAMARKET_POSTGRES_URL",
    "mongodb": "ULTRAMARKET_MONGO_URL",
    "kafka": "ULTRAMARKET_KAFKA_BOOTSTRAP",
    "elasticsearch": "ULTRAMARKET_ELASTICSEARCH_URL",
}


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    stores = Stores(*(os.environ[name] for name in ADDRESSES.values()))
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def order(shop: Shop) -> dict[str, Any]:
    """A confirmed order of two units, one of which was shipped."""
    sku = shop.product(stock=5)
    customer = shop.customer()
    customer.add(sku, 2)
    placed = customer.order().data
    shop.admin("POST", "/shipments", {"order_id": placed["id"], "items": [{"sku": sku, "quantity": 1}]})
    return dict(placed)


@contextmanager
def falsified(statement: str, undo: str, *values: Any) -> Iterator[None]:
    """Change the books for the length of the block."""
    connection = psycopg2.connect(os.environ["ULTRAMARKET_POSTGRES_URL"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
        yield
    finally:
        with connection, connection.cursor() as cursor:
            cursor.execute(undo, values)
        connection.close()


def wrong(check: Callable[[Stores], CheckResult], stores: Stores, id_: str, passes: int = 1) -> list[str]:
    """The messages of the check about one thing."""
    result = settled(lambda: check(stores), passes)
    assert result.examined > 0
    return [breach.message for breach in result.breaches if breach.id.startswith(id_)]


@pytest.mark.parametrize(
    "check",
    [
        orders.check_orders,
        orders.check_unfinished,
        shipments.check_shipments,
        events.check_versions,
        event_log.check_orders_in_kafka,
        read_models.check_order_list,
    ],
)
def test_books_of_an_order_are_right(
    stores: Stores, order: dict[str, Any], check: Callable[[Stores], CheckResult]
) -> None:
    assert wrong(check, stores, order["id"], passes=5) == []


@pytest.mark.parametrize("check", [provider.check_provider, ledger.check_ledger, event_log.check_payments_in_kafka])
def test_books_of_a_payment_are_right(
    stores: Stores, order: dict[str, Any], check: Callable[[Stores], CheckResult]
) -> None:
    assert wrong(check, stores, order["payment"]["id"], passes=5) == []


def test_falsified_payment_is_named(stores: Stores, order: dict[str, Any]) -> None:
    change = "update payments.payments set captured = captured {} 1 where id = %s"
    total = order["total"]["amount"]

    with falsified(change.format("-"), change.format("+"), order["payment"]["id"]):
        assert wrong(orders.check_orders, stores, order["id"]) == [
            f"confirmed, its payment is captured, {total - 1} of {total} captured".replace("confirmed", "processing")
        ]
        assert wrong(provider.check_provider, stores, order["payment"]["id"]) == [
            f"{total - 1} captured and 0 refunded, at the provider {total} and 0"
        ]
        assert wrong(ledger.check_ledger, stores, order["payment"]["id"]) == [
            f"{total - 1} captured and 0 refunded, in the ledger {total} and 0"
        ]


@pytest.mark.parametrize(
    ("column", "false", "message"),
    [
        ("captured_tax", "captured_tax + 1", "tax: {tax_and_one}, in the ledger {tax}"),
        (
            "captured_vendors",
            """'{"potter": {"goods": 9, "payable": 7}}'""",
            "vendor potter is owed 7, in the ledger 0",
        ),
    ],
)
def test_falsified_part_of_a_payment_is_named(
    stores: Stores, order: dict[str, Any], column: str, false: str, message: str
) -> None:
    true = "captured_tax - 1" if column == "captured_tax" else "'{}'"
    change = f"update payments.payments set {column} = {{}} where id = %s"
    tax = order["tax_total"]["amount"]

    with falsified(change.format(false), change.format(true), order["payment"]["id"]):
        messages = wrong(ledger.check_ledger, stores, order["payment"]["id"])

    assert messages == [message.format(tax=tax, tax_and_one=tax + 1)]


def test_vendor_is_owed_what_was_not_cancelled(stores: Stores, shop: Shop, vendor: Client) -> None:
    sku = f"V-{new_key()[:12].upper()}"
    variants = [{"sku": sku, "price": {"amount": 1999, "currency": "USD"}, "weight_g": 100}]
    body = {"title": f"Vendor's {sku}", "status": "active", "variants": variants}
    product = vendor("POST", "/products", body, key=new_key()).data
    shop.adjust(sku, 5)
    assert eventually(lambda: shop.available(product["id"]) == 5)
    customer = shop.customer()
    customer.add(sku, 3)
    order = customer.order().data
    lines = [{"sku": sku, "quantity": 1}]
    assert shop.admin("POST", f"/orders/{order['id']}/cancel", {"lines": lines}, key=new_key()).status == 200

    query = {"order_id": order["id"], "account": "vendor_payable"}
    entries = eventually(lambda: shop.admin("GET", "/ledger/entries", params=query).data)

    assert [(item["kind"], item["debit"]["amount"], item["credit"]["amount"]) for item in reversed(entries)] == [
        ("vendor_share", 0, 3 * 1999),
        ("vendor_refund", 1999, 0),
    ]
    assert wrong(ledger.check_ledger, stores, order["payment"]["id"], passes=5) == []


def test_falsified_shipment_is_named(stores: Stores, order: dict[str, Any]) -> None:
    change = "update shipping.shipments set items = jsonb_set(items, '{{0,quantity}}', '{}') where order_id = %s"

    with falsified(change.format(3), change.format(1), order["id"]):
        [message] = wrong(shipments.check_shipments, stores, order["id"])

    assert message.endswith(": 3 shipped and 0 cancelled of 2 ordered")


def test_falsified_order_list_is_named(stores: Stores, order: dict[str, Any]) -> None:
    listed = stores.documents("orders")["orders"]
    wrong(read_models.check_order_list, stores, order["id"], passes=5)
    listed.update_one({"_id": order["id"]}, {"$set": {"summary.number": "UM-0"}})
    try:
        [message] = wrong(read_models.check_order_list, stores, order["id"])
    finally:
        listed.update_one({"_id": order["id"]}, {"$set": {"summary.number": order["number"]}})

    assert message == f"listed with number UM-0 instead of {order['number']}"


def test_falsified_stock_is_named(stores: Stores, order: dict[str, Any]) -> None:
    sku = order["items"][0]["sku"]
    levels = stores.documents("inventory")["levels"]
    assert wrong(stock.check_stock, stores, sku, passes=5) == []

    levels.update_one({"_id": sku}, {"$inc": {"counted": 1}})
    try:
        assert wrong(stock.check_stock, stores, sku) == ["6 counted and 3 on hand, but 2 sold"]
    finally:
        levels.update_one({"_id": sku}, {"$inc": {"counted": -1}})


def test_missing_event_is_named(stores: Stores, order: dict[str, Any]) -> None:
    hide = "update orders.order_events set version = version + 100 where order_id = %s and version = 3"
    show = "update orders.order_events set version = version - 100 where order_id = %s and version = 103"

    with falsified(hide, show, order["id"]):
        [message] = wrong(events.check_versions, stores, order["id"])

    assert "up to version 103" in message


@pytest.mark.parametrize(
    ("topic", "check", "rows", "changed"),
    [
        ("order-events", event_log.check_orders_in_kafka, "order", "last"),
        ("payment-events", event_log.check_payments_in_kafka, "payment", "event"),
        ("analytics-events", event_log.check_others_in_kafka, "shipment", "id"),
    ],
)
def test_event_that_kafka_has_not_is_named(
    stores: Stores,
    order: dict[str, Any],
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    topic: str,
    check: Callable[[Stores], CheckResult],
    rows: str,
    changed: str,
) -> None:
    """The store has another event than Kafka: what is read of it is falsified."""
    shipment = shop.admin("GET", f"/orders/{order['id']}").data["shipments"][0]
    id_ = {"order": order["id"], "payment": order["payment"]["id"], "shipment": shipment["id"]}[rows]
    assert wrong(check, stores, id_, passes=5) == []
    read = stores.rows

    def falsified_rows(query: str, **values: Any) -> Any:
        for row in read(query, **values):
            value = getattr(row, changed, None)
            is_it = row.id == id_ and value is not None
            yield row._replace(**{changed: value + (1 if changed == "last" else "-other")}) if is_it else row

    monkeypatch.setattr(stores, "rows", falsified_rows)
    messages = wrong(check, stores, id_)

    assert len(messages) == 1
    assert "Kafka" in messages[0]


def test_lost_event_of_a_stock_level_is_named(stores: Stores, order: dict[str, Any]) -> None:
    sku = order["items"][0]["sku"]
    levels = stores.documents("inventory")["levels"]
    assert wrong(event_log.check_others_in_kafka, stores, sku, passes=5) == []
    version = levels.find_one({"_id": sku})["version"]  # type: ignore[index]

    levels.update_one({"_id": sku}, {"$inc": {"version": 1}})
    try:
        [message] = wrong(event_log.check_others_in_kafka, stores, sku)
    finally:
        levels.update_one({"_id": sku}, {"$inc": {"version": -1}})

    assert message == f"Kafka has its events up to {version} of {version + 1}"


def test_outdated_search_document_is_named(stores: Stores, order: dict[str, Any]) -> None:
    product_id = order["items"][0]["product_id"]
    products = stores.documents("products")["products"]
    assert wrong(read_models.check_search, stores, product_id, passes=5) == []

    products.update_one({"_id": product_id}, {"$inc": {"version": 1}})
    try:
        [message] = wrong(read_models.check_search, stores, product_id)
    finally:
        products.update_one({"_id": product_id}, {"$inc": {"version": -1}})

    assert message.startswith("indexed at version ")


def test_outdated_stock_in_the_catalogue_is_named(stores: Stores, order: dict[str, Any]) -> None:
    sku = order["items"][0]["sku"]
    copies = stores.documents("products")["stock"]
    assert wrong(read_models.check_stock_copies, stores, sku, passes=5) == []

    copies.update_one({"_id": sku}, {"$inc": {"available": 7}})
    try:
        assert wrong(read_models.check_stock_copies, stores, sku) == ["3 available, the catalogue has 10"]
    finally:
        copies.update_one({"_id": sku}, {"$inc": {"available": -7}})


def test_outdated_name_of_an_account_is_named(stores: Stores, shop: Shop) -> None:
    customer_id = shop.customer()("GET", "/users/me").data["id"]
    assert wrong(read_models.check_names, stores, customer_id, passes=5) == []
    change = "update auth.accounts set first_name = {} where id = %s"

    with falsified(change.format("first_name || '!'"), change.format("rtrim(first_name, '!')"), customer_id):
        assert wrong(read_models.check_names, stores, customer_id) == ["the account has another name than its profile"]


def test_orders_in_flight_are_not_wrong(shop: Shop) -> None:
    """Verified again and again while customers buy."""
    skus = [shop.product(stock=50) for _ in range(2)]
    ended = threading.Event()

    def buy() -> list[int]:
        statuses = []
        while not ended.is_set():
            customer = shop.customer()
            customer.add(skus[len(statuses) % 2], 1)
            statuses.append(customer.order().status)
        return statuses

    with ThreadPoolExecutor(2) as pool:
        buyers = [pool.submit(buy) for _ in range(2)]
        try:
            results = verify(load(os.environ["ULTRAMARKET_INSTANCE"]))
        finally:
            ended.set()
        statuses = [status for buyer in buyers for status in buyer.result()]

    breaches = [breach for result in results if result.name != "dead letters" for breach in result.breaches]
    assert breaches == []
    assert 201 in statuses


def test_command_finds_the_books_of_all_orders_right() -> None:
    """All orders of these tests: whatever they tried, the books must be right. Dead letters are made on purpose."""
    result = runner.invoke(app, ["--instance", os.environ["ULTRAMARKET_INSTANCE"], "verify", "--json"])

    checks = {check["check"]: check for check in json.loads(result.output)["checks"]}
    breaches = [breach for name, check in checks.items() if name != "dead letters" for breach in check["breaches"]]
    assert breaches == []
    assert checks["orders and payments"]["examined"] > 0


def test_command_names_what_is_wrong(order: dict[str, Any]) -> None:
    change = "update payments.payments set captured = captured {} 1 where id = %s"

    with falsified(change.format("-"), change.format("+"), order["payment"]["id"]):
        result = runner.invoke(app, ["--instance", os.environ["ULTRAMARKET_INSTANCE"], "verify", "--all"])

    assert result.exit_code == 1
    assert "the books are wrong" in result.output
    assert order["id"] in result.output


def test_refused_refund_waits_for_an_operator(shop: Shop) -> None:
    def orders_command(*arguments: str) -> Any:
        return runner.invoke(app, ["--instance", os.environ["ULTRAMARKET_INSTANCE"], "orders", *arguments])

    customer = shop.customer()
    customer.add(shop.product(stock=3))
    order = customer.order().data
    dispute = (
        "update payments.sandbox_charges set disputed = {} where id ="
        " (select reference from payments.payments where id = %s)"
    )

    with falsified(dispute.format("true"), dispute.format("false"), order["payment"]["id"]):
        customer("POST", f"/orders/{order['id']}/cancel", {}, key=new_key())
        stuck = orders_command("stuck", "--json")
        table = orders_command("stuck")
        resumed = orders_command("resume", order["id"], "--reason", "try it again")
        ended = orders_command("end", order["id"], "--reason", "settled by bank transfer")
    again = orders_command("end", order["id"], "--reason", "settled by bank transfer")

    [entry] = [entry for entry in json.loads(stuck.output) if entry["id"] == order["id"]]
    assert (stuck.exit_code, entry["step"], entry["suspended"]) == (1, "reverse_payment", True)
    assert order["number"] in table.output
    assert (resumed.exit_code, ended.exit_code, again.exit_code) == (0, 0, 1)
    assert customer("GET", f"/orders/{order['id']}").data["status"] == "cancelled"
    query = {"resource_type": "order", "resource_id": order["id"], "action": "order.step_settled"}
    entries = eventually(lambda: shop.admin("GET", "/audit", params=query).data)
    assert {change["field"]: change["after"] for change in entries[0]["changes"]}[
        "reason"
    ] == "settled by bank transfer"
