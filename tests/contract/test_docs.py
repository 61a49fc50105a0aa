"""The pages say what is there: their links lead somewhere, their routes, commands and settings exist."""

import re
from collections.abc import Callable, Iterable, Iterator
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
SKIPPED = {".venv", ".ultramarket", "node_modules", ".git", ".pytest_cache", ".hypothesis", "mutants"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED.intersection(path.relative_to(ROOT).parts) and path.is_file()
)
PLACEHOLDER = re.compile(r"\b(SERVICE|AREA|NAME|NNNN)")
"""What a recipe leaves to be filled in."""
A_FEW_PAGES = 5
"""At least as many pages have links, or name files and commands: or else the search for them finds nothing any more."""
TOURS = [ROOT / "README.md", ROOT / "docs" / "tour.md"]
OPERATIONS = ROOT / "docs" / "operations.md"
UNLISTED = {"/metrics", "/docs", "/api/v1/openapi.json", "/.well-known/jwks.json"}
"""Served for machines and people, but no operations of the API."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- links ---------------------------------------------------------------------------------------------------------


def _everywhere(read: Callable[[str], Iterable[str]]) -> dict[Path, list[str]]:
    """What `read` finds in each page's text, for the pages in which it finds something."""
    named = {page: list(read(page.read_text())) for page in PAGES}
    return {page: names for page, names in named.items() if names}


def _links(text: str) -> Iterator[str]:
    """Relative links outside of code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        path = target.partition("#")[0]
        if path and not re.match(r"[a-z]+:", target):
            yield path


def _files(text: str) -> list[str]:
    folders = "services|tests|docs|bench|schemas|gateway_flask|kafka_bridge|ultramarket|charts"
    files = re.findall(rf"`((?:{folders})/[\w./-]+\.\w+)`", text)
    return [path for path in files if not PLACEHOLDER.search(path)]


def test_relative_links_lead_somewhere() -> None:
    links = _everywhere(_links)

    assert len(links) > A_FEW_PAGES
    assert [(_name(page), path) for page in links for path in links[page] if not (page.parent / path).exists()] == []


def test_files_named_by_a_page_exist() -> None:
    files = _everywhere(_files)

    assert len(files) > A_FEW_PAGES
    assert [(_name(page), path) for page in files for path in files[page] if not (ROOT / path).exists()] == []


def test_every_package_has_its_page() -> None:
    packages = [f"services/{name}" for name in (*SERVICES, "chassis")] + [
        "gateway_flask",
        "kafka_bridge",
        "ultramarket",
    ]

    assert [name for name in packages if not (ROOT / name / "README.md").exists()] == []


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


def _called(text: str) -> Iterator[str]:
    """Commands that are called in code, inline or in blocks: `config list`."""
    code = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.S | re.M)
    code += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for part in code:
        calls = r"(?:^|[\s(|;/])ultramarket(?: --instance \S+| -i \S+)? ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?"
        yield from (f"{name} {inner}".strip() for name, inner in re.findall(calls, part))


def _exists(call: str, commands: dict[str, set[str]]) -> bool:
    name, _, inner = call.partition(" ")
    return name in commands and (not inner or not commands[name] or inner in commands[name])


def test_commands_named_by_a_page_exist() -> None:
    calls, commands = _everywhere(_called), _commands()

    assert len(calls) > A_FEW_PAGES
    assert [(_name(page), call) for page in calls for call in calls[page] if not _exists(call, commands)] == []
    assert not _exists("config nosuch", commands)
    assert not _exists("nosuch", commands)


def test_make_targets_named_by_a_page_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    named = _everywhere(lambda text: re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))

    assert len(named) > 1
    assert [(_name(page), target) for page in named for target in named[page] if target not in targets] == []


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
