"""Global options, exit codes and shell completion of the command."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.permissions.roles import PRESETS
from ultramarket import instance as instances
from ultramarket import port_registry
from ultramarket.cli import app
from ultramarket.commands.analytics import sparkline
from ultramarket.money import format_money
from ultramarket.runtime_settings import environment_value

run = CliRunner().invoke


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> instances.Instance:
    """An existing instance that does not run."""
    for name in [name for name in os.environ if name.startswith("ULTRAMARKET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(instances, "INSTANCES", tmp_path / "checkout")
    monkeypatch.setattr(port_registry, "CACHE", tmp_path / "cache")
    return instances.load_or_make("one", {})


def complete(monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """The completions that bash offers for the last word of the line."""
    monkeypatch.setenv("_ULTRAMARKET_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    return run(app, [], prog_name="ultramarket").stdout.split()


def test_version_is_printed() -> None:
    result = run(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"ultramarket {version('ultramarket')}\n")


def test_replay_for_an_unknown_service_is_an_error(instance: instances.Instance) -> None:
    result = run(app, ["-i", "one", "dlq", "replay", "--service", "nosuch"])

    assert result.exit_code == 2
    assert "there is no service nosuch: choose one of auth, " in result.stderr


def test_unknown_layout_is_an_error(instance: instances.Instance) -> None:
    result = run(app, ["-i", "one", "up", "--layout", "loose"])

    assert result.exit_code == 1
    assert "ULTRAMARKET_LAYOUT: 'loose' is none of compact, separate" in result.stderr


def test_unknown_number_of_core_processes_is_an_error() -> None:
    result = run(app, ["-i", "one", "up"], env={"ULTRAMARKET_CORE_PROCESSES": "3"})

    assert result.exit_code == 1
    assert "ULTRAMARKET_CORE_PROCESSES: '3' is none of 1, 2" in result.stderr


def test_layout_is_saved(instance: instances.Instance) -> None:
    assert instance.layout == "compact"
    assert instances.load_or_make("one", {"ULTRAMARKET_LAYOUT": "separate"}).layout == "separate"
    assert instances.load_or_make("one", {}).layout == "separate"
    assert instances.load_or_make("one", {"ULTRAMARKET_LAYOUT": ""}).layout == "compact"


def test_unknown_log_level_is_an_error(instance: instances.Instance) -> None:
    result = run(app, ["-i", "one", "logs", "--level", "loud"])

    assert result.exit_code == 2
    assert "there is no level loud" in result.stderr


def test_log_of_a_service_is_read_from_its_process(instance: instances.Instance) -> None:
    (instance.logs / "core.log").write_text('{"event": "a", "service": "cart"}\n{"event": "b", "service": "orders"}\n')

    result = run(app, ["-i", "one", "logs", "cart"])

    assert result.stdout == '{"event": "a", "service": "cart"}\n'


def test_piped_table_is_not_cut(instance: instances.Instance) -> None:
    instance.mails.mkdir()
    subject = "Order " + "x" * 150
    (instance.mails / "20260101T100000000000-abc.eml").write_text(
        f"To: clara@example.com\r\nSubject: {subject}\r\n\r\n"
    )

    result = run(app, ["-i", "one", "mail"])

    assert subject in result.stdout


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("ultramarket -i one stop ca", ["cart"]),
        ("ultramarket -i one restart co", ["core", "config"]),
        ("ultramarket -i one logs kaf", ["kafka"]),
        ("ultramarket -i one config set inventory.low", ["inventory.low_stock_threshold"]),
        ("ultramarket -i one config flag guest", ["guest_checkout"]),
        ("ultramarket -i one dlq replay --service not", ["notifications"]),
        ("ultramarket -i one up --layout s", ["separate"]),
        ("ultramarket -i o", ["one"]),
    ],
)
def test_names_are_completed(
    instance: instances.Instance, monkeypatch: pytest.MonkeyPatch, line: str, names: list[str]
) -> None:
    assert complete(monkeypatch, line) == names


@pytest.mark.parametrize(("values", "line"), [([0, 1, 2, 4, 8], "▁▂▃▅█"), ([], ""), ([0, 0], "▁▁"), ([-3, 7], "▁█")])
def test_sparkline_is_scaled_to_the_largest_value(values: list[float], line: str) -> None:
    assert sparkline(values) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"amount": 123456, "currency": "USD"}, "1,234.56 USD"),
        ({"amount": 500, "currency": "JPY"}, "500 JPY"),
        ({"amount": -1, "currency": "EUR"}, "-0.01 EUR"),
    ],
)
def test_money_has_the_decimals_of_its_currency(value: dict[str, Any], text: str) -> None:
    assert format_money(value) == text


@pytest.mark.parametrize(
    ("key", "environment", "value"),
    [
        ("inventory.low_stock_threshold", {}, 5),
        ("inventory.low_stock_threshold", {"ULTRAMARKET_LOW_STOCK_THRESHOLD": "7"}, "7"),
        ("orders.answer_within_seconds", {}, 5.0),
    ],
)
def test_unchanged_runtime_setting_has_the_service_value(key: str, environment: dict[str, str], value: Any) -> None:
    assert environment_value(key, environment) == value


def test_permissions_are_printed_by_role() -> None:
    everybody = json.loads(run(app, ["permissions", "--json", "--search", "payments.refund"]).stdout)
    support = json.loads(run(app, ["permissions", "--json", "--role", "support"]).stdout)
    unknown = run(app, ["permissions", "--role", "WIZARD"])

    assert [(row["method"], row["name"], row["permission"], row["roles"]) for row in everybody] == [
        ("POST", "/payments/{id}/refunds", "payments.refund", ["FINANCE", "ADMIN"]),
        ("RPC", "payments.refund", "payments.refund", ["FINANCE", "ADMIN"]),
        ("RPC", "payments.refund_order", "internal", []),
    ]
    fields = json.loads(run(app, ["permissions", "--json", "--search", "Query.orders"]).stdout)
    assert [(row["method"], row["permission"], row["roles"]) for row in fields] == [
        ("GraphQL", "orders.read", list(PRESETS))
    ]
    names = {row["name"] for row in support}
    assert "/orders/{id}/status" in names
    assert "/payments/{id}/refunds" not in names
    assert unknown.exit_code == 2
