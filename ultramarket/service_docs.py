"""Generator of `docs/services.md`: purpose, storage, events, RPC methods, routes and calls of each service."""

import importlib
import inspect
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.chassis.runtime.registry import (
    BRIDGE,
    GATEWAY,
    MONGO_SERVICES,
    POSTGRES_SERVICES,
    SERVICE_STORES,
    SERVICES,
    port_of,
)
from ultramarket.instance import ROOT

PAGE: Final = ROOT / "docs" / "services.md"
_REMOTE_CALL: Final = re.compile(r"\bRemote\(\s*([A-Z][a-z]+)Rpc\b")
_GATEWAY_CALL: Final = re.compile(r'\bcall\(\s*"([a-z]+)"|\b([A-Z][a-z]+)Rpc\.|service="([a-z]+)"')
_PATH_VARIABLE: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_SETTINGS: Final = {
    "AMQP_URL": "amqp://localhost",
    "POSTGRES_URL": "postgresql://localhost",
    "MONGO_URL": "mongodb://localhost",
    "REDIS_URL": "redis://localhost",
    "KAFKA_BOOTSTRAP": "localhost:9092",
}
"""Some services read their settings when they are imported; nothing is connected to."""
_STORE_NAMES: Final = {"redis": "Redis", "elasticsearch": "Elasticsearch"}


@dataclass(frozen=True)
class ServiceInfo:
    """The facts about one service that the page shows."""

    name: str
    purpose: str
    stores: tuple[str, ...]
    consumes: tuple[tuple[str, str], ...]
    """(source, type) of events."""
    publishes: tuple[str, ...]
    methods: tuple[str, ...]
    calls: tuple[str, ...]
    routes: tuple[str, ...]


def all_services() -> list[ServiceInfo]:
    """Every service, in the order of the registry."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(f"ULTRAMARKET_{name}", value)
    routes = _routes()
    return [_service(name, routes.get(name, ())) for name in SERVICES]


def write() -> bool:
    """Write the page; False: it was current."""
    text = page(all_services())
    if PAGE.exists() and PAGE.read_text() == text:
        return False
    PAGE.write_text(text)
    return True


def _service(name: str, routes: tuple[str, ...]) -> ServiceInfo:
    from schemas.events.audit import ActionRecorded
    from schemas.tools.export import every_event
    from services.chassis.runtime.runner import service_class

    service = service_class(name)
    module = inspect.getmodule(service)
    summary = (module.__doc__ or "").strip().partition("\n")[0]
    return ServiceInfo(
        name=name,
        purpose=_capitalised(re.sub(rf"^{name}( service)?: ", "", summary, flags=re.IGNORECASE)),
        stores=_stores(name),
        consumes=tuple(sorted(_consumed(service))),
        publishes=tuple(event.type for event in every_event() if event.source == name and event is not ActionRecorded),
        methods=tuple(sorted(_methods(service))),
        calls=tuple(sorted(_called(ROOT / "services" / name, _REMOTE_CALL))),
        routes=routes,
    )


def _stores(name: str) -> tuple[str, ...]:
    databases = ("PostgreSQL",) * (name in POSTGRES_SERVICES) + ("MongoDB",) * (name in MONGO_SERVICES)
    others = tuple(_STORE_NAMES[store] for store in SERVICE_STORES.get(name, ()) if store in _STORE_NAMES)
    return databases + others + ("S3 or a folder",) * (name == "files")


def _entrypoints(service: type[Any]) -> Iterator[tuple[str, Any]]:
    for name, method in inspect.getmembers(service, inspect.isfunction):
        for entrypoint in getattr(method, "nameko_entrypoints", ()):
            yield name, entrypoint


def _consumed(service: type[Any]) -> set[tuple[str, str]]:
    return {
        (event.source, event.type)
        for _, entrypoint in _entrypoints(service)
        for event in getattr(entrypoint, "events", None) or (getattr(entrypoint, "event", None),)
        if event is not None
    }


def _methods(service: type[Any]) -> set[str]:
    return {name for name, entrypoint in _entrypoints(service) if type(entrypoint).__name__ == "Rpc"}


def _called(folder: Path, pattern: re.Pattern[str]) -> set[str]:
    """The services that the code in a folder calls."""
    return {
        next(filter(None, groups if isinstance(groups, tuple) else (groups,))).lower()
        for module in folder.rglob("*.py")
        for groups in pattern.findall(module.read_text())
    }


def _gateway_calls() -> list[str]:
    return sorted(_called(ROOT / "gateway_flask", _GATEWAY_CALL), key=SERVICES.index)


def _routes() -> dict[str, tuple[str, ...]]:
    """The routes of each service: those whose handler calls it first."""
    from gateway_flask.openapi.endpoints import ENDPOINTS

    importlib.import_module("gateway_flask.routes")
    by_service: dict[str, list[str]] = {}
    for module in sorted((ROOT / "gateway_flask" / "routes").glob("*.py")):
        for name, body in _functions(module.read_text()):
            endpoint = ENDPOINTS.get(name)
            if endpoint is None:
                continue
            call = _GATEWAY_CALL.search(body)
            owner = next(filter(None, call.groups())).lower() if call else module.stem
            path = _PATH_VARIABLE.sub(r"{\1}", endpoint.rule.removeprefix("/api/v1"))
            by_service.setdefault(owner, []).append(f"{endpoint.method} {path}")
    return {name: tuple(routes) for name, routes in by_service.items()}


def _functions(source: str) -> Iterator[tuple[str, str]]:
    parts = re.split(r"^def (\w+)", source, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def page(services: list[ServiceInfo]) -> str:
    """The Markdown page."""
    calls = [(GATEWAY, callee) for callee in _gateway_calls()]
    calls += [(service.name, callee) for service in services for callee in service.calls]
    subscriptions = {(source, service.name) for service in services for source, _ in service.consumes}
    lines = [
        "# Services",
        "",
        "Generated from the code by `ultramarket services`; a test checks that it is current.",
        f"There are {len(services)} services. The {GATEWAY} and the {BRIDGE} are processes of their own, described in",
        f"their README files. The {BRIDGE} writes all events except those of the audit trail to Kafka.",
        "",
        "| Service | Purpose | Storage | Publishes | Consumes | Port |",
        "|---|---|---|---|---|---|",
        *map(_row, services),
        "",
        "## RPC calls",
        "",
        "From the caller to the called service.",
        "",
        *mermaid(calls),
        "",
        "## Event subscriptions",
        "",
        "From the publishing to the consuming service.",
        "",
        *mermaid(sorted((source, name) for source, name in subscriptions if source != name)),
    ]
    for service in services:
        lines += ["", f"## {service.name}", "", "RPC methods: " + (_code_list(service.methods) or "none"), ""]
        calls_text = f". Calls {', '.join(service.calls)}." if service.calls else ""
        lines += ["Routes: " + (_code_list(service.routes) or "none") + calls_text]
    return "\n".join(lines) + "\n"


def _row(service: ServiceInfo) -> str:
    cells = (
        f"[{service.name}](../services/{service.name}/README.md)",
        service.purpose.rstrip("."),
        ", ".join(service.stores),
        _code_list(service.publishes),
        _code_list(f"{source}: {kind}" for source, kind in service.consumes),
        str(port_of(service.name, 3000)),
    )
    return "| " + " | ".join(cells) + " |"


def mermaid(arrows: Iterable[tuple[str, str]]) -> list[str]:
    """A Mermaid flowchart from left to right, as Markdown lines."""
    return ["```mermaid", "flowchart LR", *(f"    {source} --> {target}" for source, target in arrows), "```"]


def _code_list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
