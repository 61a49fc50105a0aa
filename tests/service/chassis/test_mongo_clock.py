"""The clock of the MongoDB server, read by a process whose own clock is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.common import clock
from services.chassis.stores.mongo import MongoStore
from services.chassis.testing import connect_mongo


@pytest.mark.parametrize("minutes", [0, 10, -10])
def test_server_clock_is_right_on_a_machine_that_is_off(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(minutes=minutes))

    with connect_mongo("chassis", MongoStore) as store:
        times = [store.server_clock.now() for _ in range(3)]

    assert times == sorted(times)
    assert all(abs(time - datetime.now(UTC)) < timedelta(minutes=1) for time in times)
