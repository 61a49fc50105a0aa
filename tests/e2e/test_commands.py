"""Operators' commands on the running instance: what they print, in tables and as JSON."""

import json
import os
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from tests.support.instance import Instance
from tests.support.shop import Shop, eventually, new_key
from ultramarket.cli import app

runner = CliRunner()


def ultramarket(*arguments: str) -> str:
    """The output of a command that must succeed."""
    result = runner.invoke(app, ["--instance", os.environ["ULTRAMARKET_INSTANCE"], *arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def printed_json(*arguments: str) -> Any:
    return json.loads(ultramarket(*arguments, "--json"))


@pytest.fixture(scope="module")
def order(shop: Shop) -> dict[str, Any]:
    """A paid order, so that figures, mails and the audit trail have contents."""
    customer = shop.customer()
    customer.add(shop.product(stock=3))
    placed = customer.order()
    assert placed.status == 201, placed
    return dict(placed.data)


def test_doctor_examines_machine_and_instance() -> None:
    """A process of the busy machine of the tests may have been blocked for a second, which is a problem too."""
    result = runner.invoke(app, ["--instance", os.environ["ULTRAMARKET_INSTANCE"], "doctor", "--json"])
    findings = json.loads(result.output)

    assert result.exit_code == (0 if all(finding["ok"] for finding in findings) else 1)
    assert {"packages", "disk", "ports", "processes", "migrations"} <= {finding["check"] for finding in findings}
    machine = {
        finding["check"]: finding["ok"] for finding in findings if finding["check"] in ("packages", "migrations")
    }
    assert machine == {"packages": True, "migrations": True}


@pytest.mark.parametrize(("figure", "lines"), [("sales", 3), ("funnel", 3), ("top", 2)])
def test_analytics_prints_a_table(order: dict[str, Any], figure: str, lines: int) -> None:
    """At least the header and the order's product, once the figures have it."""
    assert eventually(lambda: len(ultramarket("analytics", figure).splitlines()) >= lines, every=1.0)
    assert printed_json("analytics", figure)


def test_created_user_has_the_roles_and_password_printed(shop: Shop) -> None:
    email = f"{new_key()[:12]}@example.com"

    created = printed_json("user", "create", email, "--role", "VENDOR")

    signed_in = shop.guest()("POST", "/auth/login", {"email": email, "password": created["password"]})
    assert (signed_in.status, signed_in.data["user"]["roles"]) == (200, ["VENDOR"])


def test_config_list_shows_values_and_defaults() -> None:
    assert "orders.answer_within_seconds" in ultramarket("config", "list")


def test_audit_is_listed_by_mail_address_and_verified(order: dict[str, Any]) -> None:
    entries = printed_json("audit", "list", "--actor", os.environ["ULTRAMARKET_ADMIN_EMAIL"], "--limit", "5")

    assert {entry["actor"]["email"] for entry in entries} == {os.environ["ULTRAMARKET_ADMIN_EMAIL"]}
    assert "chain is intact" in ultramarket("audit", "verify")


def test_generated_files_are_current() -> None:
    assert "is current" in ultramarket("schemas")
    assert "is current" in ultramarket("services")


def test_read_model_is_rebuilt_while_orders_are_placed(order: dict[str, Any]) -> None:
    assert "orders rebuilt" in ultramarket("rebuild", "orders")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["cart", "gateway", "bridge"])
def test_rolling_restart_gives_a_new_process(shop: Shop, name: str) -> None:
    """That no request is lost meanwhile depends on the machine's speed: `ultramarket chaos rolling-restart`."""
    instance = Instance()
    before = _processes(instance, name)

    output = ultramarket("restart", name, "--rolling")

    assert "✓" in output
    assert not before & _processes(instance, name)
    assert shop.guest()("GET", "/cart").status == 200


def _processes(instance: Instance, name: str) -> set[int]:
    """The pids of the processes that do the work: the gateway's are the workers of its server."""
    pid = instance.pid(name)
    assert pid is not None
    return {child.pid for child in psutil.Process(pid).children()} if name == "gateway" else {pid}


def test_restart_needs_a_name_or_all() -> None:
    for arguments in (["restart"], ["restart", "cart", "--all"], ["restart", "redis", "--rolling"]):
        result = runner.invoke(app, ["--instance", os.environ["ULTRAMARKET_INSTANCE"], *arguments])
        assert result.exit_code == 2, arguments
