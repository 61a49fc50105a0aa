"""The scenarios of `ultramarket chaos`, in a small size, on the instance of these tests."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ultramarket.chaos import instance as chaos_instance
from ultramarket.chaos.comparison import compare
from ultramarket.chaos.run import Run
from ultramarket.chaos.runner import wait_until_quiet
from ultramarket.chaos.scenarios import SCENARIOS
from ultramarket.cli import app
from ultramarket.instance import Instance, load

runner = CliRunner()


def carry_out(name: str, buyers: int) -> Run:
    """The run of a scenario on the instance of these tests, compared afterwards."""
    run = Run(name, load(os.environ["ULTRAMARKET_INSTANCE"]), seed=1, buyers=buyers)
    with run.sampling():
        SCENARIOS[name].carry_out(run)
        wait_until_quiet(run)
    compare(run)
    return run


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "buyers"), [("oversell", 100), ("webhooks", 10), ("refund-race", 20)])
def test_scenario_ends_with_right_books(name: str, buyers: int) -> None:
    run = carry_out(name, buyers)

    assert run.wrong == []
    assert run.findings["orders paid"] > 0
    assert "500" not in run.client.statuses


def test_command_runs_a_scenario_and_writes_its_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @contextmanager
    def this_instance(*_: Any, **__: Any) -> Iterator[Instance]:
        yield load(os.environ["ULTRAMARKET_INSTANCE"])

    monkeypatch.setattr(chaos_instance, "instance_of", this_instance)

    result = runner.invoke(app, ["chaos", "double-click", "--buyers", "20", "--seed", "7", "--output", str(tmp_path)])

    facts = json.loads((tmp_path / "double-click.json").read_text())
    assert (facts["seed"], facts["buyers"], facts["findings"]["sold"], facts["wrong"]) == (7, 20, 10, [])
    assert "double-click, seed 7" in result.output
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".md", ".svg"}


def test_command_lists_its_scenarios() -> None:
    listed = runner.invoke(app, ["chaos", "--list"])
    unknown = runner.invoke(app, ["chaos", "no-such"])

    assert all(name in listed.output for name in SCENARIOS)
    assert (unknown.exit_code, "no scenario no-such" in unknown.output) == (2, True)
