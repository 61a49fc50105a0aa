"""The search backend's maintenance ends with the service."""

from types import SimpleNamespace
from typing import Any

import eventlet

from services.search.backend import SearchBackend


def test_maintenance_ends_before_the_client_is_closed() -> None:
    rounds, alive_at_close = [], []
    backend: Any = SearchBackend()
    backend.container = SimpleNamespace(spawn_managed_thread=lambda run, identifier: eventlet.spawn(run))
    backend.store = SimpleNamespace(
        prepare=lambda: rounds.append("prepared"),
        reference_data=SimpleNamespace(refresh=lambda: None, current=lambda: None, publish_pending=lambda _: None),
    )
    backend.engine = SimpleNamespace(warm_up=lambda _: True)
    backend.transport = SimpleNamespace(close=lambda: alive_at_close.append(not backend._maintenance.dead))
    backend.start()
    eventlet.sleep(0)

    backend.stop()

    assert rounds == ["prepared"]
    assert alive_at_close == [False]
