"""Rows of `status` from supervisord's information."""

import os
import time

import pytest

from ultramarket.programs import Program
from ultramarket.status import describe, group, service_rows

ORDERS = Program("orders", "service", ["true"], ports=(3004,))
FIELDS = {"name", "kind", "process", "pid", "ports", "state", "restarts", "rss_mb", "pss_mb", "uptime_s", "health"}


def test_running_process_has_memory_and_uptime() -> None:
    row = describe(ORDERS, {"statename": "RUNNING", "pid": os.getpid(), "start": time.time() - 60}, restarts=2)

    assert set(row) == FIELDS
    assert (row["name"], row["kind"], row["ports"], row["state"]) == ("orders", "service", [3004], "running")
    assert row["restarts"] == 2
    assert 0 < row["pss_mb"] <= row["rss_mb"]
    assert row["uptime_s"] == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ("word", "state"), [("STOPPED", "stopped"), ("BACKOFF", "starting"), ("FATAL", "failed"), ("EXITED", "starting")]
)
def test_supervisord_state_is_mapped(word: str, state: str) -> None:
    row = describe(ORDERS, {"statename": word, "pid": 0, "start": 0}, restarts=0)

    assert row["state"] == state
    assert row["pid"] is row["pss_mb"] is row["uptime_s"] is None


def test_process_is_stopped_without_supervisord() -> None:
    assert describe(ORDERS, {}, restarts=0)["state"] == "stopped"


CORE = Program("core", "service", ["true"], ports=(2, 1), services=("cart", "orders"))
REPLY = {
    "hub_lag_seconds": 0.2,
    "services": {"cart": {"state": "stopped", "restarts": 0}, "orders": {"state": "running", "restarts": 3}},
}


def shared_process() -> dict[str, object]:
    return describe(CORE, {"statename": "RUNNING", "pid": os.getpid(), "start": time.time()}, restarts=1)


def test_services_of_a_process_have_rows_of_their_own() -> None:
    cart, orders = service_rows(CORE, shared_process(), REPLY)

    assert set(cart) == set(orders) == FIELDS
    assert (cart["name"], cart["process"], cart["ports"]) == ("cart", "core", [2])
    assert (cart["state"], cart["pid"], cart["health"]) == ("stopped", None, None)
    assert (orders["state"], orders["pid"], orders["restarts"]) == ("running", os.getpid(), 4)
    assert orders["health"] == "failing"  # nothing listens on its port


def test_memory_of_a_shared_process_is_divided() -> None:
    process = shared_process()

    rows = service_rows(CORE, process, REPLY)

    assert sum(row["pss_mb"] for row in rows) == pytest.approx(process["pss_mb"], abs=0.2)


def test_group_row_names_services_and_event_loop_delay() -> None:
    row = group(CORE, shared_process(), REPLY)

    assert (row["name"], row["services"], row["hub_lag_s"]) == ("core", ["cart", "orders"], 0.2)
    assert row["restarts"] == 1


def test_unresponsive_process_has_no_event_loop_delay() -> None:
    assert group(CORE, shared_process(), {})["hub_lag_s"] is None
