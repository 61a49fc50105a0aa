"""Comparison of two results by `python -m bench compare`."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import comparing
from bench.checking import better, is_comparable
from bench.comparing import Comparison, compare
from bench.fitting import factors
from bench.floors.all import AMQP, PYTHON

LIST = "list 20 products"


def results(*rounds: tuple[float, float, float], work: str = LIST) -> dict[str, Any]:
    """Results of one work; each round has its rate, its CPU, and the factor by which the machine was slower."""
    return {
        "works": [
            {
                "work": work,
                "clients": 16,
                "rounds": [
                    {
                        "per_second": rate / slowness,
                        "busy_cpu_ms": cpu * slowness,
                        "floors": {
                            AMQP: {"per_second": 4000 / slowness, "cpu_ms": 0.2 * slowness},
                            PYTHON: {"per_second": 400 / slowness, "cpu_ms": 2 * slowness},
                        },
                    }
                    for rate, cpu, slowness in rounds
                ],
            }
        ]
    }


def written(folder: Path, name: str, content: dict[str, Any]) -> str:
    (folder / name).write_text(json.dumps(content))
    return str(folder / name)


def test_slower_machine_alone_is_not_slower():
    fast = results((600, 3, 1), (620, 3.1, 1), (580, 2.9, 1))
    slow_machine = results((600, 3, 4), (620, 3.1, 3.5), (580, 2.9, 4.2))

    ratios = [each.ratio for each in compare(fast, slow_machine, ("time", "CPU"))]

    assert ratios == pytest.approx([1, 1])


def test_ratio_is_of_medians():
    before = results((600, 3, 1), (600, 3, 1), (60, 30, 1))
    after = results((300, 6, 1), (300, 6, 1), (300, 6, 1))

    time, cpu = compare(before, after, ("time", "CPU"))

    assert (time.ratio, cpu.ratio) == pytest.approx((2, 2))
    assert time.noise == pytest.approx(9)


def test_factor_is_over_geometric_mean_of_floors():
    (row,) = results((400, 4, 1))["works"]

    assert factors(row, "CPU") == pytest.approx([4 / (0.2 * 2) ** 0.5])
    assert factors(row, "time") == pytest.approx([(4000 * 400) ** 0.5 / 400])


@pytest.mark.parametrize(("rate", "limit", "code"), [(600, "1.3", 0), (400, "1.3", 1), (400, "1.6", 0)])
def test_exit_code_says_whether_limit_is_exceeded(tmp_path, rate, limit, code):
    before = written(tmp_path, "a.json", results((600, 3, 1)))
    after = written(tmp_path, "b.json", results((rate, 3, 1)))

    assert comparing.main([before, after, "--limit", limit]) == code


def test_results_without_floors_are_refused(tmp_path, capsys):
    old = written(tmp_path, "old.json", {"works": [{"work": LIST, "clients": 16, "per_second": 588.6}]})

    assert comparing.main([old, old]) == 2
    assert "old.json has no floors beside its works" in capsys.readouterr().out.replace("\n", " ")


def test_only_common_works_are_compared(tmp_path):
    before, after = results((600, 3, 1)), results((600, 3, 1), work="suggest")

    assert compare(before, after, ("CPU",)) == []
    paths = [written(tmp_path, "a.json", before), written(tmp_path, "b.json", after)]
    assert comparing.main(paths) == 2


def test_repeated_work_counts_with_its_lower_ratio():
    def comparison(work: str, after: float) -> Comparison:
        return Comparison(work, 16, "CPU", 1.0, after, 0.1)

    first = [comparison("list", 1.0), comparison("checkout", 1.5)]

    assert [each.after for each in better(first, [comparison("checkout", 1.1)])] == [1.0, 1.1]
    assert [each.after for each in better(first, [comparison("checkout", 1.8)])] == [1.0, 1.5]


@pytest.mark.parametrize(
    ("other", "comparable"),
    [
        ({"cpu": "Xeon", "cores": 2, "load_before": 9.0}, True),
        ({"cpu": "EPYC", "cores": 2, "load_before": 1.0}, False),
        ({"cpu": "Xeon", "cores": 8, "load_before": 1.0}, False),
    ],
)
def test_check_judges_on_machines_of_one_kind(other: dict[str, object], comparable: bool) -> None:
    reference = {"cpu": "Xeon", "cores": 2, "load_before": 1.0}

    assert is_comparable(reference, other) is comparable
