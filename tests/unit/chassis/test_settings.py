"""Settings are read once; a wrong or missing one names itself, and nothing starts."""

import pytest

from services.chassis.runtime.settings import Settings, load

RIGHT = {
    "AMQP_URL": "amqp://guest@localhost//",
    "POSTGRES_URL": "postgresql://localhost/um",
    "MONGO_URL": "mongodb://localhost",
    "REDIS_URL": "redis://localhost",
    "KAFKA_BOOTSTRAP": "localhost:9092",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**RIGHT, "PORT_BASE": "3000", "INSTANCE": "dev"}.items():
        monkeypatch.setenv(f"ULTRAMARKET_{name}", value)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    assert ended.value.code == 78
    return capsys.readouterr().err


def test_what_is_right_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRAMARKET_EVENT_RETRY_SECONDS", "[0.1, 0.2]")

    settings = load(Settings)

    assert settings.amqp_url == RIGHT["AMQP_URL"]
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
def test_a_wrong_one_names_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"ULTRAMARKET_{name}", value)

    said = refusal(capsys)

    assert said.startswith(f"ULTRAMARKET_{name}: ")
    assert said.count("\n") == 1


def test_every_missing_one_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AMQP_URL", "REDIS_URL"):
        monkeypatch.delenv(f"ULTRAMARKET_{name}")

    said = refusal(capsys).splitlines()

    assert [line.partition(":")[0] for line in said] == ["ULTRAMARKET_AMQP_URL", "ULTRAMARKET_REDIS_URL"]


def test_a_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ULTRAMARKET_AMQP_URL", "amqpx://um:hunter2@localhost")

    assert "hunter2" not in refusal(capsys)
