"""Who owns, hears, says and calls what: read from the code, written to `docs/services.md` and two pictures."""

import importlib
import inspect
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.chassis.runtime.registry import BRIDGE, GATEWAY, MONGO_SERVICES, POSTGRES_SERVICES, SERVICES, port_of
from ultramarket.arrows import two_columns
from ultramarket.instance import ROOT

PAGE: Final = ROOT / "docs" / "services.md"
CALLS: Final = ROOT / "docs" / "services-calls.svg"
EVENTS: Final = ROOT / "docs" / "services-events.svg"
_CALL: Final = re.compile(r"\bRemote\(\s*([A-Z][a-z]+)Rpc\b")
_GATEWAYS: Final = re.compile(r'\bcall\(\s*"([a-z]+)"|\b([A-Z][a-z]+)Rpc\.|service="([a-z]+)"')
_ROUTE: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_SETTINGS: Final = {
    "AMQP_URL": "amqp://localhost",
    "POSTGRES_URL": "postgresql://localhost",
    "MONGO_URL": "mongodb://localhost",
    "REDIS_URL": "redis://localhost",
    "KAFKA_BOOTSTRAP": "localhost:9092",
}
"""Some services read their settings when they are imported; nothing is connected to."""
_OTHER_STORES: Final = {
    "auth": ("Redis",),
    "cart": ("Redis",),
    "search": ("Elasticsearch",),
    "files": ("S3 or a folder",),
}


@dataclass(frozen=True)
class Room:
    """What one service is to the others."""

    name: str
    about: str
    stores: tuple[str, ...]
    hears: tuple[tuple[str, str], ...]
    """(source, type) of events."""
    says: tuple[str, ...]
    methods: tuple[str, ...]
    calls: tuple[str, ...]
    routes: tuple[str, ...]


def rooms() -> list[Room]:
    """Every service, in the order of the registry."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(f"ULTRAMARKET_{name}", value)
    routes = _routes()
    return [_room(name, routes.get(name, ())) for name in SERVICES]


def files(found: list[Room]) -> Mapping[Path, str]:
    """The page and its pictures, as they should be."""
    calls = [(GATEWAY, callee) for callee in _gateways_calls()]
    calls += [(room.name, callee) for room in found for callee in room.calls]
    heard = {(source, room.name) for room in found for source, _ in room.hears if source != room.name}
    return {
        PAGE: _page(found),
        CALLS: two_columns("Who calls whom", "asks", "answers", calls),
        EVENTS: two_columns("Who hears whom", "says", "hears", sorted(heard)),
    }


def write() -> list[Path]:
    """Write what isn't current; which files that were."""
    written = []
    for path, text in files(rooms()).items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            written.append(path)
    return written


def _room(name: str, routes: tuple[str, ...]) -> Room:
    from schemas.events.audit import ActionRecorded
    from schemas.tools.export import every_event

    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from services.chassis.runtime.runner import service_class

    service = service_class(name)
    module = inspect.getmodule(service)
    about = (module.__doc__ or "").strip().partition("\n")[0]
    stores = ("PostgreSQL",) * (name in POSTGRES_SERVICES) + ("MongoDB",) * (name in MONGO_SERVICES)
    return Room(
        name=name,
        about=about.partition(": ")[2] if about.lower().startswith(f"{name}:") else about,
        stores=stores + _OTHER_STORES.get(name, ()),
        hears=tuple(sorted(_heard(service))),
        says=tuple(event.type for event in every_event() if event.source == name and event is not ActionRecorded),
        methods=tuple(sorted(_methods(service))),
        calls=tuple(sorted(_called(ROOT / "services" / name, _CALL))),
        routes=routes,
    )


def _entrypoints(service: type[Any]) -> Iterator[tuple[str, Any]]:
    for name, method in inspect.getmembers(service, inspect.isfunction):
        for entrypoint in getattr(method, "nameko_entrypoints", ()):
            yield name, entrypoint


def _heard(service: type[Any]) -> set[tuple[str, str]]:
    return {
        (entrypoint.event.source, entrypoint.event.type)
        for _, entrypoint in _entrypoints(service)
        if hasattr(entrypoint, "event")
    }


def _methods(service: type[Any]) -> set[str]:
    return {name for name, entrypoint in _entrypoints(service) if type(entrypoint).__name__ == "Rpc"}


def _called(folder: Path, pattern: re.Pattern[str]) -> set[str]:
    return {
        next(filter(None, groups if isinstance(groups, tuple) else (groups,))).lower()
        for module in folder.rglob("*.py")
        for groups in pattern.findall(module.read_text())
    }


def _gateways_calls() -> list[str]:
    return sorted(_called(ROOT / "gateway_flask", _GATEWAYS), key=SERVICES.index)


def _routes() -> dict[str, tuple[str, ...]]:
    """The routes of each service: those whose handler asks it first."""
    from gateway_flask.openapi.endpoints import ENDPOINTS

    importlib.import_module("gateway_flask.routes")
    by_service: dict[str, list[str]] = {}
    for module in sorted((ROOT / "gateway_flask" / "routes").glob("*.py")):
        for name, body in _functions(module.read_text()):
            asked = _GATEWAYS.search(body)
            endpoint = ENDPOINTS.get(name)
            if endpoint is None:
                continue
            owner = next(filter(None, asked.groups())).lower() if asked else module.stem
            path = _ROUTE.sub(r"{\1}", endpoint.rule.removeprefix("/api/v1"))
            by_service.setdefault(owner, []).append(f"{endpoint.method} {path}")
    return {name: tuple(found) for name, found in by_service.items()}


def _functions(source: str) -> Iterator[tuple[str, str]]:
    parts = re.split(r"^def (\w+)", source, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _page(found: list[Room]) -> str:
    lines = [
        "# The services",
        "",
        "Written from the code by `ultramarket services`; a test holds that it is current.",
        "",
        f"![Who calls whom]({CALLS.name})",
        f"![Who hears whom]({EVENTS.name})",
        "",
        "The bridge hears every event but the audit trail's, and writes it to Kafka; the",
        f"{GATEWAY} and the {BRIDGE} are no services: see their own pages.",
        "",
        "| service | is there for | owns | says | hears | port |",
        "|---|---|---|---|---|---|",
    ]
    for room in found:
        cells = (
            f"[{room.name}](../services/{room.name}/README.md)",
            room.about.rstrip("."),
            ", ".join(room.stores),
            _list(room.says),
            _list(f"{source}: {kind}" for source, kind in room.hears),
            str(port_of(room.name, 3000)),
        )
        lines.append("| " + " | ".join(cells) + " |")
    for room in found:
        lines += ["", f"## {room.name}", "", "RPC: " + (_list(room.methods) or "none"), ""]
        lines += [
            "Routes: " + (_list(room.routes) or "none") + (f". Asks {', '.join(room.calls)}." if room.calls else "")
        ]
    return "\n".join(lines) + "\n"


def _list(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
