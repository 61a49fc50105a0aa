"""Each event handler of each service: what it can't read is dead-lettered with the reason, and what follows is handled.

The handlers are the services' own declarations with other bodies (`recorders`): the queue, the bindings, the batches
and the event models are real. What a handler does with repeated and reordered events is tested with its service: the
table in docs/reliability.md.
"""

from collections import Counter
from typing import Any

import orjson
import pytest

from schemas.events.base import Event
from services.chassis.common.ids import new_id
from tests.service.chassis.conftest import ServiceProcess, ServiceProcesses
from tests.support.events import sample
from tests.support.handlers import consuming_services, handlers
from tests.support.shop import eventually


@pytest.fixture(scope="module")
def recorders(processes: ServiceProcesses) -> dict[str, ServiceProcess]:
    return processes.start_recorders(consuming_services(), ULTRAMARKET_EVENT_RETRY_SECONDS="[0.05]")


def handled_events(service: str) -> dict[type[Event], list[str]]:
    """The names of the handlers of each event of a service."""
    by_event: dict[type[Event], list[str]] = {}
    for name, entrypoints in handlers(service).items():
        for entrypoint in entrypoints:
            by_event.setdefault(entrypoint.event, []).append(name)
    return by_event


def parked(processes: ServiceProcesses, queue: str, letters: list[Any], number: int) -> list[Any]:
    """The dead letters of a queue, once there are so many; `letters` are those that were taken before."""

    def enough() -> bool:
        letters.extend(processes.rabbit.take_all(f"{queue}.dead"))
        return len(letters) >= number

    eventually(enough)
    return letters


def next_schema(event: type[Event]) -> str:
    """The `dataschema` of the version after the known one."""
    return f"/schemas/events/{event.source}/{event.type}/v{event.version + 1}"


def reason(letter: Any) -> str:
    return str(letter.headers["x-error"]).partition(":")[0]


@pytest.mark.parametrize("service", consuming_services())
def test_unreadable_messages_block_no_later_event(
    processes: ServiceProcesses, recorders: dict[str, ServiceProcess], service: str
) -> None:
    recorder, events = recorders[service], handled_events(service)
    valid = {event: sample(event) for event in events}
    unknown = sample(next(iter(events)), type="never_heard_of")
    newer = [sample(event, dataschema=next_schema(event)) for event in events]
    malformed = [sample(event, data="no object") for event in events]

    for body in (b"not json", b"[1]", unknown, *newer, *malformed):
        processes.rabbit.publish(body, recorder.queue)
    for envelope in (*valid.values(), *valid.values()):  # each comes twice
        processes.rabbit.publish(envelope, recorder.queue)

    calls = Counter(f"{name} {valid[event]['id']}" for event, names in events.items() for name in 2 * names)
    assert eventually(lambda: not calls - Counter(processes.marks(recorder))), "not handled"
    per_handler = sum(map(len, events.values()))
    letters = parked(processes, recorder.queue, [], 2 + 2 * per_handler)
    assert Counter(map(reason, letters)) == {
        "DecodeError": 1,
        "TypeError": 1,
        "UnknownVersion": per_handler,
        "ValidationError": per_handler,
    }
    assert not [letter for letter in letters if "no object" in letter.headers["x-error"]], "an error shows event data"
    assert eventually(lambda: processes.rabbit.depth(recorder.queue) == 0)


def test_event_of_a_newer_version_is_handled_after_an_upgrade(
    processes: ServiceProcesses, recorders: dict[str, ServiceProcess]
) -> None:
    """Its dead letter is complete: the next release, which knows the version, is given the same event."""
    recorder, event = recorders["users"], next(iter(handled_events("users")))
    newer = sample(event, dataschema=next_schema(event))
    processes.rabbit.purge(f"{recorder.queue}.dead")

    processes.rabbit.publish(newer, recorder.queue)

    [letter] = parked(processes, recorder.queue, [], 1)
    assert letter.headers["x-error"] == (
        f"UnknownVersion: unknown version 2 of {event.type}, the newest known one is 1"
    )
    assert orjson.loads(letter.body) == newer
    readable = newer | {"dataschema": event.dataschema()}
    processes.rabbit.publish(readable, recorder.queue, application_headers={"x-handler": letter.headers["x-handler"]})
    assert processes.wait_for_mark(recorder, newer["id"])


def test_added_fields_within_a_version_are_ignored(
    processes: ServiceProcesses, recorders: dict[str, ServiceProcess]
) -> None:
    recorder, event = recorders["users"], next(iter(handled_events("users")))
    grown = sample(event, added_attribute=new_id())
    grown["data"]["added_field"] = {"of": "a later release"}

    processes.rabbit.publish(grown, recorder.queue)

    assert processes.wait_for_mark(recorder, grown["id"])
