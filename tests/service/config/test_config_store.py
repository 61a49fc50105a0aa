"""Settings and flags on a real PostgreSQL: one of two changes of the same version wins, and every change is kept."""

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


class Desk:
    def __init__(self, store: ConfigStore) -> None:
        self.service = worker_factory(ConfigService, store=store)

    def __call__(self, method: str, /, **arguments: Any) -> Any:
        contract = Signature(getattr(ConfigService, method))
        return getattr(self.service, method)(*contract.arguments([], arguments))

    def set(self, value: Any, version: int, key: str = KEY) -> Any:
        return self("set_setting", key=key, value=value, version=version, reason="a test", caller=ADMIN)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with connect_postgres("config", ConfigStore) as store:
        yield Desk(store)


def test_what_nobody_changed_is_as_declared(desk: Desk) -> None:
    shown = {one["key"]: SettingState.model_validate(one) for one in desk("settings")}

    assert (shown[KEY].version, shown[KEY].value) == (0, None)
    assert shown["orders.maximum_units_of_a_line"].value == 10_000
    assert desk("snapshot") == {"settings": {}, "flags": {}}
    assert desk("flag", name="reviews")["enabled"] is True


def test_of_eight_changes_of_one_version_one_wins(desk: Desk) -> None:
    def attempt(value: int) -> Any:
        try:
            return desk.set(value, 0)["value"]
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as crowd:
        outcomes = [value for value in crowd.map(attempt, range(1, 9)) if value is not None]

    assert len(outcomes) == 1
    assert desk("snapshot")["settings"] == {KEY: [outcomes[0], 1]}
    assert len(desk("history", key=KEY)) == 1


def test_an_earlier_value_comes_back_as_a_new_version(desk: Desk) -> None:
    first = desk.set(7, 0)
    desk.set(9, 1)

    back = desk("roll_back", key=KEY, version=1, reason="too many", caller=ADMIN)
    desk("roll_back", key=KEY, version=0, reason="as it was", caller=ADMIN)

    assert (back["value"], back["version"]) == (7, 3)
    assert back["updated_at"] > first["updated_at"]
    history = [SettingChange.model_validate(one) for one in desk("history", key=KEY)]
    assert [(one.version, one.value, one.author, one.reason) for one in history] == [
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
def test_what_a_setting_may_not_be_changes_nothing(
    desk: Desk, key: str, value: Any, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        desk.set(value, 0, key)

    assert desk("snapshot")["settings"] == {}


def test_a_version_that_never_was_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk("roll_back", key=KEY, version=3, reason="a slip", caller=ADMIN)


def test_a_flag_is_made_replaced_and_guarded_by_its_version(desk: Desk) -> None:
    on = {"enabled": True, "default": False, "rollout": 10}

    made = desk("set_flag", name="new_cart", flag=on, caller=ADMIN)
    changed = desk("set_flag", name="new_cart", flag=on | {"rollout": 50}, expected_version=1, caller=ADMIN)
    with pytest.raises(PreconditionFailed):
        desk("set_flag", name="new_cart", flag=on, expected_version=1, caller=ADMIN)

    assert (made["version"], changed["version"], changed["rollout"]) == (1, 2, 50)
    assert desk("flag", name="new_cart")["rollout"] == 50
    assert "new_cart" in [one["name"] for one in desk("flags")]
