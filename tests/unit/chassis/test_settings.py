"""Settings from the environment: an invalid or missing one is named and the process does not start."""

import pytest

from services.chassis.runtime.settings import Settings, load

VALID = {
    "AMQP_URL": "amqp://guest@localhost//",
    "POSTGRES_URL": "postgresql://localhost/um",
    "MONGO_URL": "mongodb://localhost",
    "REDIS_URL": "redis://localhost",
    "KAFKA_BOOTSTRAP": "localhost:9092",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**VALID, "PORT_BASE": "3000", "INSTANCE": "dev"}.items():
        monkeypatch.setenv(f"ULTRAMARKET_{name}", value)


def error_output(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        load(Settings)
    assert exit_.value.code == 78
    return capsys.readouterr().err


def test_valid_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRAMARKET_EVENT_RETRY_SECONDS", "[0.1, 0.2]")

    settings = load(Settings)

    assert settings.amqp_url == VALID["AMQP_URL"]
    assert settings.event_retry_seconds == (0.1, 0.2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AMQP_URL", "http://localhost"),
        ("POSTGRES_URL", "mysql://localhost"),
        ("MONGO_URL", ""),
        ("PORT_BASE", "many"),
        ("PORT_BASE", "70000"),
        ("WORKERS", "0"),
        ("RPC_DEADLINE", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("EVENT_RETRY_SECONDS", "1, 2, 5"),
        ("EVENT_RETRY_SECONDS", "[1, -2]"),
    ],
)
def test_invalid_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"ULTRAMARKET_{name}", value)

    output = error_output(capsys)

    assert output.startswith(f"ULTRAMARKET_{name}: ")
    assert output.count("\n") == 1


def test_every_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AMQP_URL", "REDIS_URL"):
        monkeypatch.delenv(f"ULTRAMARKET_{name}")

    output = error_output(capsys).splitlines()

    assert [line.partition(":")[0] for line in output] == ["ULTRAMARKET_AMQP_URL", "ULTRAMARKET_REDIS_URL"]


def test_password_is_not_in_the_error_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ULTRAMARKET_AMQP_URL", "amqpx://um:hunter2@localhost")

    assert "hunter2" not in error_output(capsys)
