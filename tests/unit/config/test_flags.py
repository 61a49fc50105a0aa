"""Evaluation of feature flags: rules, rollout and variants, deterministic in every process."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.api.config import FlagWrite
from services.chassis.common.errors import ValidationFailed
from services.chassis.dynamic_config import config
from services.chassis.dynamic_config.flag_rules import Outcome, Subject, bucket, evaluate
from services.chassis.dynamic_config.openfeature_provider import LiveProvider
from services.chassis.dynamic_config.state import State
from services.config.domain import check_flag

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def flag(**values: Any) -> FlagWrite:
    return FlagWrite.model_validate({"enabled": True, "default": False} | values, strict=False)


def value(definition: FlagWrite, subject: Subject = Subject("u"), at: datetime = NOON) -> bool | str:  # noqa: B008
    return evaluate("new_cart", definition, subject, at).value


def test_disabled_flag_is_off() -> None:
    always = {"serve": True}

    assert value(flag(enabled=False, default=True, rules=[always])) is False
    assert value(flag(enabled=False, variants={"a": 1, "b": 1}, default="b")) == "b"


@pytest.mark.parametrize(
    ("rule", "matching", "other"),
    [
        ({"roles": ["ADMIN"]}, Subject("u", roles=frozenset({"ADMIN", "X"})), Subject("u", roles=frozenset({"X"}))),
        ({"countries": ["DE"]}, Subject("u", country="DE"), Subject("u", country="US")),
        ({"users": ["ada"]}, Subject("ada", user="ada"), Subject("bob", user="bob")),
        ({"vendors": ["v-1"]}, Subject("u", vendor="v-1"), Subject("u")),
        (
            {"roles": ["ADMIN"], "countries": ["DE"]},
            Subject("u", roles=frozenset({"ADMIN"}), country="DE"),
            Subject("u", roles=frozenset({"ADMIN"})),
        ),
    ],
)
def test_rule_matches_its_subjects(rule: dict[str, Any], matching: Subject, other: Subject) -> None:
    targeted = flag(rules=[rule | {"serve": True}])

    assert evaluate("new_cart", targeted, matching, NOON) == Outcome(True, "targeted")
    assert value(targeted, other) is False


def test_time_window_bounds() -> None:
    window = flag(rules=[{"from": "2026-11-24T12:00:00Z", "to": "2026-11-24T13:00:00Z", "serve": True}])

    moments = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(minutes=59), NOON + timedelta(hours=1)]

    assert [value(window, at=at) for at in moments] == [False, True, True, False]


def test_first_matching_rule_decides() -> None:
    both = flag(rules=[{"users": ["ada"], "serve": False}, {"serve": True}])

    assert value(both, Subject("ada", user="ada")) is False
    assert value(both, Subject("bob", user="bob")) is True


def test_rollout_share_is_monotonic() -> None:
    subjects = [Subject(f"user-{number}") for number in range(4_000)]

    ten_percent = {subject.key for subject in subjects if value(flag(rollout=10), subject)}
    fifty_percent = {subject.key for subject in subjects if value(flag(rollout=50), subject)}

    assert 300 < len(ten_percent) < 500
    assert 1_800 < len(fifty_percent) < 2_200
    assert ten_percent < fifty_percent
    assert not any(value(flag(rollout=0), subject) for subject in subjects)
    assert all(value(flag(rollout=100), subject) for subject in subjects)


def test_variants_by_weight() -> None:
    definition = flag(variants={"blue": 3, "green": 1, "never": 0}, default="blue")

    values = [value(definition, Subject(f"user-{number}")) for number in range(4_000)]

    assert 2_850 < values.count("blue") < 3_150
    assert values.count("blue") + values.count("green") == 4_000


@given(st.text(max_size=30), st.text(max_size=30))
def test_bucket_is_stable(name: str, key: str) -> None:
    assert 0 <= bucket(name, key) < 10_000
    assert bucket(name, key) == bucket(name, key)


@pytest.mark.parametrize(
    "invalid",
    [
        {"default": "blue"},
        {"variants": {"blue": 1}, "default": True},
        {"variants": {"blue": 1}, "default": "red"},
        {"variants": {"blue": 0}, "default": "blue"},
        {"rules": [{"serve": "blue"}]},
        {"rollout": 101},
        {"rollout": -1},
    ],
)
def test_invalid_flag_is_refused(invalid: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, ValidationFailed)):
        check_flag(flag(**invalid))


def test_kill_switches_are_initially_on() -> None:
    assert config.enabled("guest_checkout") is True
    assert config.enabled("no_such_flag") is False
    assert config.variant("no_such_flag", "plain") == "plain"
    assert config.setting("inventory.low_stock_threshold", 5) == 5
    assert config.setting("orders.maximum_units_of_a_line") == 10_000


def test_flag_is_evaluated_from_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted process gets its first requests concurrently, while its flag provider is still being initialised."""
    monkeypatch.setattr(config, "_process", config._Process())
    monkeypatch.setattr(LiveProvider, "initialize", lambda *_: time.sleep(0.05))
    on = flag(default=True).model_dump(mode="json", by_alias=True)
    config.state().apply({}, {"new_cart": (on, 1)})

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(config.enabled, ["new_cart", "guest_checkout"] * 4))

    assert values == [True] * 8


def test_newer_state_wins_and_survives_restart(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    state = State(file)
    off = flag(enabled=False, default=True).model_dump(mode="json", by_alias=True)

    state.apply({"inventory.low_stock_threshold": (7, 2)}, {"reviews": (off, 1)})
    state.apply({"inventory.low_stock_threshold": (9, 1)}, {})

    restarted = State(file)
    restarted.load_snapshot()
    for current in (state, restarted):
        assert current.value("inventory.low_stock_threshold", 5) == 7
        assert current.flags["reviews"].enabled is False
        assert current.flags["guest_checkout"].enabled is True


def test_unknown_flag_definition_is_ignored() -> None:
    state = State()

    state.apply({}, {"reviews": ({"enabled": "perhaps"}, 4), "new_cart": (flag().model_dump(mode="json"), 1)})

    assert state.flags["reviews"].enabled is True
    assert state.flags["new_cart"].enabled is True


def test_broken_state_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    state = State(tmp_path / "config.json")

    state.load_snapshot()

    assert state.value("inventory.low_stock_threshold", 5) == 5


def test_outdated_process_keeps_newer_file(tmp_path: Path) -> None:
    """All processes of an instance share one state file; one with older state must not overwrite newer values."""
    file = tmp_path / "config.json"
    newer, older = State(file), State(file)
    off, on = (flag(enabled=state, default=True).model_dump(mode="json", by_alias=True) for state in (False, True))

    newer.apply({}, {"guest_checkout": (off, 1)})
    newer.apply({}, {"guest_checkout": (on, 2)})
    older.apply({"orders.maximum_units_of_a_line": (5, 1)}, {"guest_checkout": (off, 1)})

    restarted = State(file)
    restarted.load_snapshot()
    assert restarted.flags["guest_checkout"].enabled is True
    assert restarted.value("orders.maximum_units_of_a_line") == 5
