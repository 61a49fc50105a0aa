"""Export of all models and events as JSON Schema files, and of the AsyncAPI document, below `schemas/json/`.

`python -m schemas.tools.export` writes them. An event schema that would break its readers is refused.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import schemas
import schemas.api
import schemas.events
from schemas.events.base import EVENTS, Event
from schemas.tools.asyncapi import asyncapi
from schemas.tools.compatibility import breaks
from schemas.tools.envelope import ENVELOPE

FOLDER: Final = Path(schemas.__path__[0]) / "json"
ENVELOPE_FILE: Final = "events/envelope.json"


class BreakingChange(Exception):
    """A change of a published event that its readers would not survive: make it a new version, or a new event."""


def every_event() -> list[type[Event]]:
    """All events, after their modules were read."""
    for module in pkgutil.iter_modules(schemas.events.__path__, "schemas.events."):
        importlib.import_module(module.name)
    return [EVENTS[key] for key in sorted(EVENTS)]


def every_model() -> dict[str, list[type[BaseModel]]]:
    """All models of requests, replies and resources, by their module."""
    models = {}
    for name, package in (
        ("base", "schemas"),
        *((info.name, "schemas.api") for info in pkgutil.iter_modules(schemas.api.__path__)),
    ):
        module = importlib.import_module(f"{package}.{name}")
        models[name] = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
        ]
    return models


def event_file(event: type[Event]) -> str:
    """Where an event's schema is kept, below the folder."""
    return f"events/{event.source}/{event.type}.v{event.version}.json"


def event_schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's `data`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": event.dataschema()} | (
        event.model_json_schema()
    )


def documents() -> dict[str, dict[str, Any]]:
    """Every file with its content."""
    files = {event_file(event): event_schema(event) for event in every_event()}
    files[ENVELOPE_FILE] = ENVELOPE
    files["asyncapi.json"] = asyncapi(every_event())
    for name, models in every_model().items():
        _, definitions = models_json_schema([(model, "validation") for model in models], title=f"schemas.{name}")
        files[f"models/{name}.json"] = definitions
    return files


def published(path: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The published schema at `path`, if there is one."""
    file = folder / path
    content: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return content


def write(folder: Path = FOLDER) -> list[Path]:
    """Write what has changed, and say which files did. Raises `BreakingChange`, and then writes nothing."""
    files = documents()
    for path, document in files.items():
        before = published(path, folder) if path.startswith("events/") and path != ENVELOPE_FILE else None
        if before is not None and (why := breaks(before, document)):
            raise BreakingChange(f"{path}: {'; '.join(why)}")
    written = []
    for path, document in files.items():
        if published(path, folder) != document:
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
            written.append(file)
    return written


if __name__ == "__main__":
    try:
        for changed in write():
            sys.stdout.write(f"{changed.relative_to(FOLDER)}\n")
    except BreakingChange as change:
        sys.exit(str(change))
