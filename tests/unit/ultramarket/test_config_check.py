"""`ultramarket config validate`: weak secrets, invalid settings of the instance and of the shell."""

import secrets
from pathlib import Path

import pytest

from services.chassis.runtime.settings import Settings
from ultramarket import config_check, port_registry
from ultramarket import instance as instances


@pytest.mark.parametrize(
    "weak", ["short", "a" * 32, "a-secret-of-one-machine-only", "ultramarket-admin", "1234567890123456"]
)
def test_weak_secret_is_reported(weak: str) -> None:
    assert config_check.is_weak(weak, 16)


def test_random_secret_is_strong() -> None:
    assert not config_check.is_weak("q7Zf0VwKc3TnXr9LbYhE5mDs", 16)
    assert sum(config_check.is_weak(secrets.token_hex(24), 16) for _ in range(50)) <= 2


def test_invalid_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRAMARKET_EVENT_RETRY_SECONDS", "soon")

    [(field, message)] = config_check.errors_of(Settings)

    assert (field, message) == ("event_retry_seconds", "must be JSON")


def test_settings_of_the_shell_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "INSTANCES", tmp_path / "checkout")
    monkeypatch.setattr(port_registry, "CACHE", tmp_path / "cache")
    instance = instances.load_or_make("one", {})

    updated = config_check.with_shell_settings(instance, {"ULTRAMARKET_WORKERS": "none"})
    findings = list(config_check._settings(updated.environment(), {"ULTRAMARKET_WORKERS": "none"}))

    assert "ULTRAMARKET_WORKERS" not in instance.settings
    [finding] = findings  # one wrong setting is one finding, however many processes read it
    assert (finding["ok"], finding["message"].partition(": ")[0]) == (False, "ULTRAMARKET_WORKERS of this shell")
    assert "(read by gateway, bridge, " in finding["message"]
    assert finding["advice"] == "correct ULTRAMARKET_WORKERS in this shell"


@pytest.mark.parametrize(
    ("before", "remote", "after", "skew"),
    [(100.0, 100.0, 100.0, 0.0), (100.0, 106.0, 112.0, 0.0), (100.0, 97.5, 112.0, -2.5), (100.0, 115.0, 112.0, 3.0)],
)
def test_slow_reply_is_no_clock_skew(before: float, remote: float, after: float, skew: float) -> None:
    assert config_check.clock_skew(before, remote, after) == skew
