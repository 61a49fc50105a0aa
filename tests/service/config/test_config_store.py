"""Settings and flags on the real PostgreSQL: optimistic locking by version, and a complete history."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.api.config import SettingChange, SettingState
from services.chassis.common.errors import Conflict, DomainError, NotFound, PreconditionFailed, ValidationFailed
from services.chassis.messaging.signatures import Signature
from services.chassis.testing import connect_postgres
from services.config.service import ConfigService
from services.config.store import ConfigStore

KEY = "inventory.low_stock_threshold"
ADMIN = {"user_id": "ada", "roles": ["ADMIN"]}


class ConfigClient:
    """Calls the config service through its RPC signatures."""

    def __init__(self, store: ConfigStore) -> None:
        self.service = worker_factory(ConfigService, store=store)

    def __call__(self, method: str, /, **arguments: Any) -> Any:
        contract = Signature(getattr(ConfigService, method))
        return getattr(self.service, method)(*contract.arguments([], arguments))

    def set(self, value: Any, version: int, key: str = KEY) -> Any:
        return self("set_setting", key=key, value=value, version=version, reason="a test", caller=ADMIN)


@pytest.fixture
def config() -> Iterator[ConfigClient]:
    with connect_postgres("config", ConfigStore) as store:
        yield ConfigClient(store)


def test_unchanged_setting_has_declared_value(config: ConfigClient) -> None:
    states = {state["key"]: SettingState.model_validate(state) for state in config("settings", caller=ADMIN)}

    assert (states[KEY].version, states[KEY].value) == (0, None)
    assert states["orders.maximum_units_of_a_line"].value == 10_000
    assert config("snapshot") == {"settings": {}, "flags": {}}
    assert config("flag", name="reviews", caller=ADMIN)["enabled"] is True


def test_concurrent_changes_of_one_version(config: ConfigClient) -> None:
    def attempt(value: int) -> Any:
        try:
            return config.set(value, 0)["value"]
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = [value for value in pool.map(attempt, range(1, 9)) if value is not None]

    assert len(outcomes) == 1
    assert config("snapshot")["settings"] == {KEY: [outcomes[0], 1]}
    assert len(config("history", key=KEY, caller=ADMIN)) == 1


def test_roll_back_creates_new_version(config: ConfigClient) -> None:
    first = config.set(7, 0)
    config.set(9, 1)

    rolled_back = config("roll_back", key=KEY, version=1, reason="too many", caller=ADMIN)
    config("roll_back", key=KEY, version=0, reason="as it was", caller=ADMIN)

    assert (rolled_back["value"], rolled_back["version"]) == (7, 3)
    assert rolled_back["updated_at"] > first["updated_at"]
    history = [SettingChange.model_validate(change) for change in config("history", key=KEY, caller=ADMIN)]
    assert [(change.version, change.value, change.author, change.reason) for change in history] == [
        (4, None, "ada", "as it was"),
        (3, 7, "ada", "too many"),
        (2, 9, "ada", "a test"),
        (1, 7, "ada", "a test"),
    ]


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        (KEY, -1, ValidationFailed),
        (KEY, 1_000_001, ValidationFailed),
        (KEY, 1.5, ValidationFailed),
        (KEY, True, ValidationFailed),
        (KEY, "5", ValidationFailed),
        ("no.such_setting", 5, NotFound),
    ],
)
def test_invalid_value_changes_nothing(config: ConfigClient, key: str, value: Any, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        config.set(value, 0, key)

    assert config("snapshot")["settings"] == {}


def test_unknown_version_is_not_found(config: ConfigClient) -> None:
    with pytest.raises(NotFound):
        config("roll_back", key=KEY, version=3, reason="a slip", caller=ADMIN)


def test_flag_is_created_and_replaced_by_version(config: ConfigClient) -> None:
    definition = {"enabled": True, "default": False, "rollout": 10}

    created = config("set_flag", name="new_cart", flag=definition, caller=ADMIN)
    changed = config("set_flag", name="new_cart", flag=definition | {"rollout": 50}, expected_version=1, caller=ADMIN)
    with pytest.raises(PreconditionFailed):
        config("set_flag", name="new_cart", flag=definition, expected_version=1, caller=ADMIN)

    assert (created["version"], changed["version"], changed["rollout"]) == (1, 2, 50)
    assert config("flag", name="new_cart", caller=ADMIN)["rollout"] == 50
    assert "new_cart" in [flag["name"] for flag in config("flags", caller=ADMIN)]
