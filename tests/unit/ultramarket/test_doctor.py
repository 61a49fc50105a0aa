"""Findings of `ultramarket doctor`."""

import pytest

from ultramarket.doctor import bridge_finding


@pytest.mark.parametrize(("waiting", "ok"), [(0, True), (99, True), (100, False), (5_000, False)])
def test_bridge_queue_is_a_problem_from_half_its_limit(waiting: int, ok: bool) -> None:
    finding = bridge_finding(waiting, 200, "ultramarket status")

    assert finding["ok"] is ok
    assert f"{waiting:,} of 200 events wait for Kafka" in finding["message"]
