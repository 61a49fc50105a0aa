"""Log files: filters, merging by time, following."""

import json
from pathlib import Path
from typing import Any

import pytest

from ultramarket.commands.logs import formatted
from ultramarket.logs import Filter, Follower, last_lines, parse


def write(folder: Path, process: str, *lines: dict[str, Any] | str) -> Path:
    path = folder / f"{process}.log"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def entry(time: str, event: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "timestamp": f"2026-01-01T{time}.000000Z", "level": "info", **fields}


def test_lines_of_all_files_are_merged_by_time(tmp_path: Path) -> None:
    files = [
        write(tmp_path, "core", entry("10:00:01", "b"), entry("10:00:03", "d")),
        write(tmp_path, "gateway", entry("10:00:00", "a"), entry("10:00:02", "c")),
    ]

    lines = last_lines(files, Filter(), 3)

    assert [(line.process, (line.fields or {})["event"]) for line in lines] == [
        ("core", "b"),
        ("gateway", "c"),
        ("core", "d"),
    ]


@pytest.mark.parametrize(
    ("accepted", "events"),
    [
        (Filter(), ["plain", "warned", "other", "unnamed"]),
        (Filter(level="warning"), ["warned"]),
        (Filter(request_id="r1"), ["plain"]),
        (Filter(service="cart"), ["plain", "warned", "unnamed"]),
        (Filter(service="cart", level="error"), []),
    ],
)
def test_filters_select_lines(tmp_path: Path, accepted: Filter, events: list[str]) -> None:
    file = write(
        tmp_path,
        "core",
        entry("10:00:00", "plain", service="cart", request_id="r1"),
        entry("10:00:01", "warned", service="cart", level="warning"),
        entry("10:00:02", "other", service="orders"),
        entry("10:00:03", "unnamed"),
    )

    assert [(line.fields or {})["event"] for line in last_lines([file], accepted, 10)] == events


def test_lines_that_are_not_json_are_shown_unfiltered_only(tmp_path: Path) -> None:
    file = write(tmp_path, "kafka", "[2026-01-01] INFO started", '{"cut off')

    assert [line.text for line in last_lines([file], Filter(), 10)] == ["[2026-01-01] INFO started", '{"cut off']
    assert last_lines([file], Filter(level="debug"), 10) == []


def test_follower_continues_after_log_rotation(tmp_path: Path) -> None:
    file = write(tmp_path, "core", "old")
    follower = Follower([file])
    lines = follower.lines()

    with file.open("a") as log:
        log.write("appended\nhalf")
    assert next(lines).text == "appended"

    with file.open("a") as log:
        log.write(" a line\n")
    file.rename(tmp_path / "core.log.1")
    write(tmp_path, "core", "first of the new file")
    assert [next(lines).text, next(lines).text] == ["half a line", "first of the new file"]


def test_formatted_line_has_time_level_service_event_and_fields() -> None:
    line = parse("core", json.dumps(entry("10:00:00", "refused", service="cart", sku="MUG", level="warning")))

    assert formatted(line).plain == "10:00:00.000 warning cart          refused sku=MUG"
