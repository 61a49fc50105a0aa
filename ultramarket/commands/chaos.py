"""Command chaos: fault scenarios with a verdict."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.table import Table

from ultramarket.commands.context import USAGE, AsJson, console, fail, print_json
from ultramarket.instance import ROOT

if TYPE_CHECKING:
    from ultramarket.chaos.run import Run
    from ultramarket.chaos.scenarios import Scenario
    from ultramarket.verify.results import CheckResult

RESULTS = ROOT / "bench" / "results" / "chaos"


def register(app: typer.Typer) -> None:
    app.command("chaos", epilog="Example: ultramarket chaos oversell --buyers 1000")(chaos)


def chaos(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Names; all when omitted. `--list` shows them.", show_default=False)
    ] = None,
    buyers: Annotated[int | None, typer.Option(min=1, max=100_000, help="Number of buyers or orders.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random faults; printed, to repeat a run.")] = None,
    times: Annotated[int, typer.Option(min=1, max=1000, help="Repeat each scenario so often.")] = 1,
    server: Annotated[
        list[str] | None,
        typer.Option(help="Disturb this server only; may be repeated. For scenarios that disturb each server."),
    ] = None,
    fault_seconds: Annotated[
        float | None, typer.Option(min=1, max=600, help="Seconds that each of their faults lasts.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of the reports.")] = RESULTS,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the instance afterwards, to look at it.")] = False,
    list_only: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run fault scenarios on an instance of their own, and compare all books afterwards.

    The instance `chaos` is created, and removed at the end. Each scenario writes a report (Markdown, JSON, SVG). Exit
    code 1: something was wrong.
    """
    from ultramarket.chaos.scenarios import SCENARIOS
    from ultramarket.install import CannotInstall

    if list_only:
        for scenario in SCENARIOS.values():
            console.print(f"{scenario.name:<18}{scenario.summary} [dim]({scenario.buyers:,} buyers)[/]")
        return
    unknown = [name for name in scenarios or () if name not in SCENARIOS]
    if unknown:
        fail(f"no scenario {', '.join(unknown)}: choose from {', '.join(SCENARIOS)}", USAGE)
    disturbed = {name for scenario in SCENARIOS.values() for name in scenario.servers}
    if unknown := sorted(set(server or ()) - disturbed):
        fail(f"no server {', '.join(unknown)}: choose from {', '.join(sorted(disturbed))}", USAGE)
    selection = Selection(tuple(server or ()), fault_seconds)
    chosen = [SCENARIOS[name] for name in scenarios or SCENARIOS]
    try:
        wrong = [
            scenario.name
            for scenario in chosen
            if not _repeat(scenario, buyers, seed, times, output, keep, as_json, selection)
        ]
    except CannotInstall as missing:
        fail(str(missing))
    if wrong:
        fail(f"wrong: {', '.join(wrong)}")


@dataclass(frozen=True)
class Selection:
    """The servers to disturb (all when empty), and for how long (as long as the scenario says when None)."""

    servers: tuple[str, ...]
    fault_seconds: float | None


def _repeat(
    scenario: "Scenario",
    buyers: int | None,
    seed: int | None,
    times: int,
    output: Path,
    keep: bool,
    as_json: bool,
    selection: Selection,
) -> bool:
    from ultramarket.chaos import instance as chaos_instance
    from ultramarket.chaos import report, runner

    right = True
    with chaos_instance.instance_of(scenario.layout, keep, as_json, scenario.settings) as instance:
        for number in range(times):
            run_seed = runner.new_seed() if seed is None else seed + number
            if not as_json:
                console.rule(f"{scenario.name}, seed {run_seed}" + (f", {number + 1} of {times}" if times > 1 else ""))
            with _live_view(as_json) as watch:
                run, results, path = runner.carry_out(
                    scenario,
                    instance,
                    buyers or scenario.buyers,
                    run_seed,
                    output,
                    watch,
                    selection.servers,
                    selection.fault_seconds,
                )
            is_right = runner.is_run_right(run, results)
            right = right and is_right
            if as_json:
                print_json(report.as_json(run, scenario.summary, results))
            else:
                _print_verdict(run, results, path, is_right)
    return right


class _live_view:
    """The counters of a run, twice a second, on a terminal."""

    def __init__(self, hidden: bool) -> None:
        self.hidden = hidden
        self.run: Run | None = None
        self.live = Live(get_renderable=self._table, console=console, refresh_per_second=2, transient=True)

    def __enter__(self) -> "_live_view":
        if not self.hidden:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.hidden:
            self.live.stop()

    def __call__(self, run: "Run") -> None:
        self.run = run

    def _table(self) -> Table:
        table = Table("seconds", "placed", "confirmed", "refused", "in flight", "fault now on")
        if self.run is not None:
            counters = self.run.counters
            fault = ", ".join(self.run.faults_now) or (self.run.faults[-1].name if self.run.faults else "")
            figures = (counters.placed, counters.confirmed, counters.refused, counters.in_flight)
            table.add_row(f"{self.run.now:.0f}", *(f"{figure:,}" for figure in figures), fault)
        return table


def _print_verdict(run: "Run", results: "list[CheckResult]", path: Path, right: bool) -> None:
    table = Table(box=None, show_header=False)
    for name, value in run.findings.items():
        table.add_row(name, f"[bold]{value}[/]")
    console.print(table)
    for message in run.wrong:
        console.print(f"[red]✗[/] {message}", soft_wrap=True)
    for result in results:
        for breach in result.breaches[:10]:
            console.print(f"[red]✗[/] {result.name}: {breach.id}: {breach.message}", soft_wrap=True)
    examined = sum(result.examined for result in results)
    verdict = "[green]✓[/] right" if right else "[red]✗[/] wrong"
    console.print(f"{verdict}: {len(results)} checks of {examined:,} things. Report: {path}", soft_wrap=True)
