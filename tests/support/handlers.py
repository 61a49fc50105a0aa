"""The event handlers of the services, as their classes declare them."""

from collections.abc import Iterator
from typing import Any

from services.chassis.messaging.events import OnEvent
from services.chassis.runtime.registry import SERVICES
from services.chassis.runtime.runner import service_class


def handlers(service: str) -> dict[str, list[OnEvent]]:
    """The event entrypoints of a service by the name of their method."""
    owner = service_class(service)
    entrypoints = {name: list(_event_entrypoints(getattr(owner, name))) for name in dir(owner)}
    return {name: each for name, each in entrypoints.items() if each}


def consuming_services() -> list[str]:
    """The services that handle events."""
    return [service for service in SERVICES if handlers(service)]


def _event_entrypoints(method: Any) -> Iterator[OnEvent]:
    return (each for each in getattr(method, "nameko_entrypoints", ()) if isinstance(each, OnEvent))
