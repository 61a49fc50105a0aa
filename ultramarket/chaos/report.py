"""The report of a run: Markdown, JSON, and an SVG of its course."""

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ultramarket.chaos.chart import chart
from ultramarket.chaos.run import Run
from ultramarket.verify.results import CheckResult


def write_report(run: Run, summary: str, results: list[CheckResult], folder: Path) -> Path:
    """Write `SCENARIO.md`, `.json` and `.svg`; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = as_json(run, summary, results)
    (folder / f"{run.scenario}.json").write_text(_json_text(facts))
    (folder / f"{run.scenario}.svg").write_text(chart(f"{run.scenario}: {summary}", run.samples, run.faults))
    path = folder / f"{run.scenario}.md"
    path.write_text(_markdown(facts))
    return path


def as_json(run: Run, summary: str, results: list[CheckResult]) -> dict[str, Any]:
    """The facts of a run."""
    return {
        "scenario": run.scenario,
        "summary": summary,
        "right": not run.wrong and not any(result.breaches for result in results),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": run.seed,
        "buyers": run.buyers,
        "command": _command(run),
        "layout": run.instance.layout,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "seconds": round(run.samples[-1].at if run.samples else run.now, 1),
        "findings": run.findings,
        "wrong": run.wrong,
        "replies": dict(sorted(run.client.statuses.items())),
        "outages": [asdict(result) for result in run.outages],
        "availability": run.availability,
        "verify": [result.to_json() for result in results],
        "faults": [asdict(fault) for fault in run.faults],
        "samples": [asdict(sample) for sample in run.samples],
    }


def _json_text(facts: dict[str, Any]) -> str:
    """JSON with a line for each sample: there are two a second."""
    samples = ",\n    ".join(json.dumps(sample) for sample in facts["samples"])
    text = json.dumps(facts | {"samples": []}, indent=2, ensure_ascii=False)
    return text.replace('"samples": []', f'"samples": [\n    {samples}\n  ]') + "\n"


def _command(run: Run) -> str:
    """The command that repeats the run."""
    parts = [f"ultramarket chaos {run.scenario} --buyers {run.buyers} --seed {run.seed}"]
    parts += [f"--server {server}" for server in run.servers]
    if run.fault_seconds is not None:
        parts.append(f"--fault-seconds {run.fault_seconds:g}")
    return " ".join(parts)


def _markdown(facts: dict[str, Any]) -> str:
    verdict = "**right**" if facts["right"] else "**wrong**"
    lines = [
        f"# Chaos: {facts['scenario']}",
        "",
        f"{facts['summary']}. Verdict: {verdict}.",
        "",
        f"Run on {facts['at']} with `{facts['command']}`: {facts['seconds']} s, layout {facts['layout']},"
        f" {facts['machine']['cpus']} CPUs, the buyers on the same machine.",
        "",
        f"![course of the run]({facts['scenario']}.svg)",
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts["findings"].items()),
        *(f"| replies with {_status(status)} | {count} |" for status, count in facts["replies"].items()),
        f"| faults | {len(facts['faults'])} |",
        "",
        *_outages(facts["outages"]),
        *_availability(facts["availability"]),
        "| check of `ultramarket verify` | examined | wrong |",
        "|---|---|---|",
        *(f"| {check['check']} | {check['examined']:,} | {len(check['breaches'])} |" for check in facts["verify"]),
        "",
    ]
    breaches = [f"{breach['id']}: {breach['message']}" for check in facts["verify"] for breach in check["breaches"]]
    if facts["wrong"] or breaches:
        lines += ["## What is wrong", "", *(f"* {text}" for text in (*facts["wrong"], *breaches[:50])), ""]
    return "\n".join(lines)


def _outages(outages: list[dict[str, Any]]) -> list[str]:
    """A table of the outages, where the scenario has some."""
    if not outages:
        return []
    head = "| outage | orders meanwhile | replies by status | slowest reply | next order after | all healthy after |"
    rows = (
        f"| {outage['outage']} | {outage['orders']} | {_counts(outage['replies'])} |"
        f" {outage['slowest_seconds']} s ({outage['slowest_request']}) | {outage['order_recovery']} s |"
        f" {outage['health_recovery']} s |"
        for outage in outages
    )
    return [head, "|---|---|---|---|---|---|", *rows, ""]


def _availability(availability: dict[str, dict[str, str]]) -> list[str]:
    """A table of what worked while a server was stopped, where the scenario has tried it."""
    if not availability:
        return []
    operations = list(next(iter(availability.values())))
    rows = (f"| {server} | {' | '.join(works.values())} |" for server, works in availability.items())
    return [f"| while stopped | {' | '.join(operations)} |", "|---" * (len(operations) + 1) + "|", *rows, ""]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{status}: {count}" for status, count in counts.items())


def _status(status: str) -> str:
    return f"HTTP {status}" if status.isdigit() else status
