"""What `ultramarket config validate` calls weak, and what it says of a setting that no process would start with."""

import secrets

import pytest

from services.chassis.runtime.settings import Settings
from ultramarket import configcheck


@pytest.mark.parametrize(
    "weak", ["short", "a" * 32, "a-secret-of-one-machine-only", "ultramarket-admin", "1234567890123456"]
)
def test_a_weak_secret_is_found(weak: str) -> None:
    assert configcheck._is_weak(weak, 16)


def test_a_random_one_is_strong() -> None:
    assert not configcheck._is_weak("q7Zf0VwKc3TnXr9LbYhE5mDs", 16)
    assert sum(configcheck._is_weak(secrets.token_hex(24), 16) for _ in range(50)) <= 2


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRAMARKET_EVENT_RETRY_SECONDS", "soon")

    [(field, message)] = configcheck._refusals(Settings)

    assert (field, message) == ("event_retry_seconds", "must be JSON")
