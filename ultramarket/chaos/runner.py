"""Carries out a scenario on an instance of its own: up, load and faults, comparison, verification, report."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ultramarket.chaos.comparison import compare, confirmed_without_mail, unfinished_sagas
from ultramarket.chaos.report import write_report
from ultramarket.chaos.run import Run, ScenarioFailed, wait_until
from ultramarket.chaos.scenarios import Scenario
from ultramarket.instance import Instance
from ultramarket.verify.results import CheckResult
from ultramarket.verify.runner import is_right, verify
from ultramarket.verify.stores import open_stores

QUIET_SECONDS: Final = 60.0
"""Seconds in which sagas, mails and read models have followed the last order."""


def new_seed() -> int:
    return secrets.randbelow(10**6)


def carry_out(
    scenario: Scenario,
    instance: Instance,
    buyers: int,
    seed: int,
    folder: Path,
    watch: Callable[[Run], None],
    servers: tuple[str, ...] = (),
    fault_seconds: float | None = None,
) -> tuple[Run, list[CheckResult], Path]:
    """Run the scenario; returns the run, the results of `verify` and the report's path. `watch` shows the live view.

    `servers` and `fault_seconds` limit the scenarios that disturb one server after the other.
    """
    run = Run(scenario.name, instance, seed, buyers, servers=servers, fault_seconds=fault_seconds)
    results: list[CheckResult] = []
    with run.sampling():
        watch(run)
        try:
            scenario.carry_out(run)
            wait_until_quiet(run)
            compare(run)
        except ScenarioFailed as failed:
            run.wrong.append(str(failed))
    results = verify(instance)
    return run, results, write_report(run, scenario.summary, results, folder)


def wait_until_quiet(run: Run) -> None:
    """Wait until sagas have ended and mails are sent."""
    with open_stores(run.instance.url) as stores:
        wait_until(lambda: unfinished_sagas(stores) == 0, QUIET_SECONDS, 0.5)
    wait_until(lambda: not confirmed_without_mail(run), QUIET_SECONDS, 1.0)


def is_run_right(run: Run, results: list[CheckResult]) -> bool:
    return not run.wrong and is_right(results)
