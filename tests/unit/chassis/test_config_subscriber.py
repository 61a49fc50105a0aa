"""Messages of the config service that can't be read: dropped, and later ones are applied."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.chassis.dynamic_config.subscriber import ConfigSubscriber


class AppliedChanges:
    """A state that records what is applied; a key that is no text fails in it."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def apply(self, settings: dict[str, Any], flags: dict[str, Any]) -> None:
        for key, (value, _) in settings.items():
            self.settings[key.lower()] = value


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[1]",
        b"null",
        b"{}",
        b'{"type": "setting_changed", "data": []}',
        b'{"type": "setting_changed", "data": {"key": 5, "value": 1, "revision": 1}}',
        b'{"type": "setting_forgotten", "data": {"key": "a"}}',
    ],
)
def test_poison_message_does_not_end_the_subscriber(body: bytes) -> None:
    state: Any = AppliedChanges()
    subscriber = ConfigSubscriber(state, "amqp://nobody")
    change = {"type": "setting_changed", "data": {"key": "cart.limit", "value": 3, "revision": 2}}

    for message in (body, orjson.dumps(change)):
        subscriber._on_message(SimpleNamespace(body=message))  # type: ignore[arg-type]

    assert state.settings == {"cart.limit": 3}
