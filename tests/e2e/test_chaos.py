"""The scenarios of `ultramarket chaos` without faults, in a small size, on the instance of these tests."""

import os

import pytest

from ultramarket.chaos.comparison import compare
from ultramarket.chaos.run import Run
from ultramarket.chaos.runner import wait_until_quiet
from ultramarket.chaos.scenarios import SCENARIOS
from ultramarket.instance import load


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "buyers"), [("oversell", 150), ("double-click", 50), ("webhooks", 15), ("refund-race", 20)]
)
def test_scenario_ends_with_right_books(name: str, buyers: int) -> None:
    run = Run(name, load(os.environ["ULTRAMARKET_INSTANCE"]), seed=1, buyers=buyers)

    with run.sampling():
        SCENARIOS[name].carry_out(run)
        wait_until_quiet(run)
    compare(run)

    assert run.wrong == []
    assert run.findings["orders paid"] > 0
    assert "500" not in run.client.statuses
