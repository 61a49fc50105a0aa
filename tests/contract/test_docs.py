"""The pages say what is there: their links lead somewhere, their routes, commands and settings exist."""

import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gateway_flask.app import create_app
from gateway_flask.testing import FakeServices, settings
from services.chassis.runtime.registry import BRIDGE, GATEWAY, PORT_OFFSETS, SERVICES
from services.chassis.runtime.settings import Settings
from ultramarket.cli import app as command
from ultramarket.ports import DEV_BASE, SERVER_OFFSETS

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".venv", ".ultramarket", "node_modules", ".git", ".pytest_cache", ".hypothesis"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED.intersection(path.relative_to(ROOT).parts) and path.is_file()
)
TOURS = [ROOT / "README.md", ROOT / "docs" / "tour.md"]
OPERATIONS = ROOT / "docs" / "operations.md"
UNLISTED = {"/metrics", "/docs", "/api/v1/openapi.json", "/.well-known/jwks.json"}
"""Served for machines and people, but no operations of the API."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    relative = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:services|tests|docs|bench|schemas|gateway_flask|kafka_bridge)/[\w./-]+\.\w+)`", page.read_text()
    )
    placeholders = re.compile(r"\b(SERVICE|AREA|NAME|NNNN)")
    assert [path for path in named if not placeholders.search(path) and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("service", [*SERVICES, "chassis"])
def test_every_service_has_its_page(service: str) -> None:
    assert (ROOT / "services" / service / "README.md").exists()


@pytest.mark.parametrize("folder", ["gateway_flask", "kafka_bridge", "ultramarket"])
def test_so_have_the_edge_the_bridge_and_the_command(folder: str) -> None:
    assert (ROOT / folder / "README.md").exists()


def test_the_indexes_name_every_page() -> None:
    for folder in (ROOT / "docs", ROOT / "docs" / "adr"):
        index = (folder / "README.md").read_text()
        assert [p.name for p in folder.glob("*.md") if p.name != "README.md" and f"({p.name})" not in index] == []


# -- routes --------------------------------------------------------------------------------------------------------


def _routes() -> list[re.Pattern[str]]:
    document = create_app(settings(), FakeServices()).test_client().get("/api/v1/openapi.json").get_json()
    return [re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$") for path in document["paths"]]


@pytest.mark.parametrize("page", TOURS, ids=_name)
def test_routes_in_the_tours_are_served(page: Path) -> None:
    text = page.read_text()
    asked = {"/api/v1" + path for path in re.findall(r'\$shop(/[^"\s?]*)', text)}
    asked |= {path.partition("?")[0] for path in re.findall(r"127\.0\.0\.1:3000(/[^\s'\"`;)>]+)", text)} - {"/api/v1"}
    asked |= {"/api/v1" + path for path in re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)", text)}
    filled = {re.sub(r"\$\(.*|\$\{?\w+\}?", "x", path) for path in asked}
    known = _routes()
    assert filled
    assert [path for path in sorted(filled - UNLISTED) if not any(route.match(path) for route in known)] == []


# -- the command ---------------------------------------------------------------------------------------------------


def _commands() -> dict[str, set[str]]:
    """Each command and, where it is a group, its own commands."""
    top: Any = typer.main.get_command(command)
    return {name: set(getattr(found, "commands", {})) for name, found in top.commands.items()}


def _called(text: str) -> Iterator[tuple[str, str]]:
    """What is called in code: inline or in blocks."""
    code = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.S | re.M)
    code += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for part in code:
        calls = r"(?:^|[\s(|;/])ultramarket(?: --instance \S+| -i \S+)? ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?"
        yield from re.findall(calls, part)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_that_a_page_names_exist(page: Path) -> None:
    known = _commands()
    wrong = [
        f"{name} {inner}".strip()
        for name, inner in _called(page.read_text())
        if name not in known or (known[name] and inner and inner not in known[name])
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.M))
    assert named - targets == set()


# -- ports and settings --------------------------------------------------------------------------------------------


def test_the_table_of_ports_is_the_registry() -> None:
    text = (ROOT / "README.md").read_text()
    today = {name: DEV_BASE + PORT_OFFSETS[name] for name in (*SERVICES, GATEWAY, BRIDGE)}
    assert {name: port for name, port in today.items() if not re.search(rf"\| {port} \| {name}\b", text)} == {}
    assert [port for offset in SERVER_OFFSETS.values() if str(port := DEV_BASE + offset) not in text] == []


def _settings_classes() -> Iterator[tuple[str, type[Settings]]]:
    modules = [
        (path.parent.name, f"services.{path.parent.name}.settings") for path in ROOT.glob("services/*/settings.py")
    ]
    modules += [
        ("every process", "services.chassis.runtime.settings"),
        (GATEWAY, "gateway_flask.settings"),
        (BRIDGE, "kafka_bridge.settings"),
    ]
    for owner, name in sorted(modules):
        for value in vars(import_module(name)).values():
            if isinstance(value, type) and issubclass(value, Settings) and value.__module__ == name:
                yield "every process" if value is Settings else owner, value


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, timedelta):
        value = f"P{value.days}D" if value.days else f"PT{value.seconds // 60}M"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{value}`" if value != "" else "empty"


def settings_rows() -> list[str]:
    """The table's rows, one for each setting; those who read the same setting share one."""
    facts: dict[str, tuple[list[str], str, list[str]]] = {}
    for owner, found in sorted(_settings_classes(), key=lambda pair: pair[0] != "every process"):
        for name, field in found.model_fields.items():
            if found is not Settings and name in Settings.model_fields:
                continue
            owners, _, meanings = facts.setdefault(name, ([], _default(field), []))
            owners.append(owner)
            if field.description and field.description not in meanings:
                meanings.append(field.description)
    return [
        f"| `ULTRAMARKET_{name.upper()}` | {default} | {', '.join(owners)} | {'; '.join(meanings)} |"
        for name, (owners, default, meanings) in facts.items()
    ]


def test_the_table_of_settings_is_complete() -> None:
    """What is missing is printed as the row to paste."""
    lines = OPERATIONS.read_text().splitlines()
    assert [row for row in settings_rows() if row not in lines] == []
    named = {line.split("`")[1] for line in lines if line.startswith("| `ULTRAMARKET_")}
    assert named <= {row.split("`")[1] for row in settings_rows()}


# -- metrics -------------------------------------------------------------------------------------------------------


def test_every_metric_is_named_in_operations() -> None:
    made = set()
    for folder in ("services", "gateway_flask", "kafka_bridge"):
        for path in (ROOT / folder).rglob("*.py"):
            made |= set(re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(ultramarket_\w+)"', path.read_text()))
    assert made
    text = OPERATIONS.read_text()
    assert [name for name in sorted(made) if f"`{name}`" not in text] == []
