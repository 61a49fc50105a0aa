"""Log lines: JSON with process, request and user; secrets are redacted."""

import logging
import subprocess
import sys
from typing import Any

import orjson

SCRIPT = """
import services.chassis.runtime.monkey_patch
import eventlet, logging, structlog
from services.chassis.common import context
from services.chassis.observability import logs
logs.configure("orders", "INFO")
log = structlog.get_logger()
{body}
"""


def lines(body: str) -> list[dict[str, Any]]:
    """The log lines of a process that runs this code."""
    completed = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, check=True, timeout=30
    )
    return [orjson.loads(line) for line in completed.stdout.splitlines()]


def test_log_line_has_process_time_level_and_fields() -> None:
    [line] = lines('log.warning("step_retry_scheduled", order_id="o-1", seconds=2)')

    assert line["event"] == "step_retry_scheduled"
    assert (line["level"], line["process"], line["order_id"], line["seconds"]) == ("warning", "orders", "o-1", 2)
    assert line["timestamp"].endswith("Z")


def test_worker_log_line_has_process_and_request() -> None:
    worker = """
def work():
    context.enter({"request_id": "r-1", "user_id": "u-1", "deadline": 1})
    log.info("worked")
eventlet.spawn(work).wait()
log.info("idle")
"""
    worked, idle = lines(worker)

    assert (worked["process"], worked["request_id"], worked["user_id"]) == ("orders", "r-1", "u-1")
    assert (idle["process"], "request_id" in idle) == ("orders", False)


def test_log_line_has_no_user_of_another_request() -> None:
    workers = """
def work(data):
    context.enter(data)
    log.info("worked")
for data in ({"request_id": "r-1", "user_id": "u-1"}, {"request_id": "r-2"}):
    work(data)
"""
    first, second = lines(workers)

    assert first["user_id"] == "u-1"
    assert second["request_id"] == "r-2"
    assert "user_id" not in second


def test_secrets_are_redacted() -> None:
    keys = ["password", "access_token", "Authorization", "card_number", "client_secret", "cookie"]

    logged = lines(f'for key in {keys}: log.info("login", **{{key: "hunter2"}})')

    assert [line["event"] for line in logged] == ["login"] * len(keys)
    assert [line for line in logged if "hunter2" in str(line)] == []


def test_nested_secrets_are_redacted() -> None:
    [line] = lines('log.info("called", request={"headers": {"authorization": "hunter2"}, "cards": [{"x": "hunter2"}]})')

    assert "hunter2" not in str(line)


def test_stdlib_log_records_are_json_with_traceback() -> None:
    first, second = lines("""
logging.getLogger("somebody").warning("hello %s", "you")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
""")

    assert (first["event"], first["logger"], first["level"]) == ("hello you", "somebody", "warning")
    assert "ZeroDivisionError" in second["exception"]


def test_noisy_libraries_and_lower_levels_are_quiet() -> None:
    assert lines('logging.getLogger("kombu").info("noise"); log.debug("noise")') == []
    assert logging.getLogger("kombu").level == logging.NOTSET
