"""Rows of `status` from supervisord's information."""

import os
import time

import pytest

from ultramarket.programs import Program
from ultramarket.status import describe

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
