"""The documentation matches the code: links, routes, commands, make targets, ports, settings and metrics exist."""

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
from ultramarket.chaos.availability import table
from ultramarket.cli import app as command
from ultramarket.ports import DEV_BASE, SERVER_OFFSETS

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".venv", ".ultramarket", "node_modules", ".git", ".pytest_cache", ".hypothesis", "mutants"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED.intersection(path.relative_to(ROOT).parts) and path.is_file()
)
PLACEHOLDER = re.compile(r"\b(SERVICE|AREA|NAME|NNNN)")
"""Placeholders in recipes."""
MIN_PAGES = 5
"""The least number of pages expected to have links or to name files and commands; fewer means that the search is
broken.
"""
TOURS = [ROOT / "README.md", ROOT / "docs" / "tour.md"]
OPERATIONS = ROOT / "docs" / "operations.md"
UNLISTED = {"/metrics", "/docs", "/api/v1/openapi.json", "/api/v1/asyncapi.json", "/.well-known/jwks.json"}
"""Served, but not operations of the API."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- links ---------------------------------------------------------------------------------------------------------


def _matches_by_page(read: Callable[[str], Iterable[str]]) -> dict[Path, list[str]]:
    """The matches of `read` in each page, for the pages that have any."""
    matches = {page: list(read(page.read_text())) for page in PAGES}
    return {page: names for page, names in matches.items() if names}


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


def test_relative_links_resolve() -> None:
    links = _matches_by_page(_links)

    assert len(links) > MIN_PAGES
    assert [(_name(page), path) for page in links for path in links[page] if not (page.parent / path).exists()] == []


def test_files_named_by_a_page_exist() -> None:
    files = _matches_by_page(_files)

    assert len(files) > MIN_PAGES
    assert [(_name(page), path) for page in files for path in files[page] if not (ROOT / path).exists()] == []


def test_every_package_has_a_readme() -> None:
    packages = [f"services/{name}" for name in (*SERVICES, "chassis")] + [
        "gateway_flask",
        "kafka_bridge",
        "ultramarket",
    ]

    assert [name for name in packages if not (ROOT / name / "README.md").exists()] == []


def test_indexes_list_every_page() -> None:
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
    paths = {"/api/v1" + path for path in re.findall(r'\$shop(/[^"\s?]*)', text)}
    paths |= {path.partition("?")[0] for path in re.findall(r"127\.0\.0\.1:3000(/[^\s'\"`;)>]+)", text)} - {"/api/v1"}
    paths |= {"/api/v1" + path for path in re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)", text)}
    example_paths = {re.sub(r"\$\(.*|\$\{?\w+\}?", "x", path) for path in paths}
    routes = _routes()
    assert example_paths
    assert [path for path in sorted(example_paths - UNLISTED) if not any(route.match(path) for route in routes)] == []


# -- the command ---------------------------------------------------------------------------------------------------


def _commands() -> dict[str, set[str]]:
    """Each command with its subcommands."""
    top: Any = typer.main.get_command(command)
    return {name: set(getattr(group, "commands", {})) for name, group in top.commands.items()}


def _commands_in(text: str) -> Iterator[str]:
    """`ultramarket` commands in code, inline or in blocks: `config list`."""
    code = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.S | re.M)
    code += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for part in code:
        calls = r"(?:^|[\s(|;/])ultramarket(?: --instance \S+| -i \S+)? ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?"
        yield from (f"{name} {inner}".strip() for name, inner in re.findall(calls, part))


def _command_exists(call: str, commands: dict[str, set[str]]) -> bool:
    name, _, inner = call.partition(" ")
    return name in commands and (not inner or not commands[name] or inner in commands[name])


def test_commands_named_by_a_page_exist() -> None:
    calls, commands = _matches_by_page(_commands_in), _commands()

    assert len(calls) > MIN_PAGES
    assert [(_name(page), call) for page in calls for call in calls[page] if not _command_exists(call, commands)] == []
    assert not _command_exists("config nosuch", commands)
    assert not _command_exists("nosuch", commands)


def test_make_targets_named_by_a_page_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    named = _matches_by_page(lambda text: re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))

    assert len(named) > 1
    assert [(_name(page), target) for page in named for target in named[page] if target not in targets] == []


# -- ports and settings --------------------------------------------------------------------------------------------


def test_port_table_matches_the_registry() -> None:
    text = (ROOT / "README.md").read_text()
    ports = {name: DEV_BASE + PORT_OFFSETS[name] for name in (*SERVICES, GATEWAY, BRIDGE)}
    assert {name: port for name, port in ports.items() if not re.search(rf"\| {port} \| {name}\b", text)} == {}
    assert [port for offset in SERVER_OFFSETS.values() if str(port := DEV_BASE + offset) not in text] == []


def _settings_classes() -> Iterator[tuple[str, type[Settings]]]:
    modules = [
        (path.parent.name, f"services.{path.parent.name}.settings") for path in ROOT.glob("services/*/settings.py")
    ]
    modules += [
        ("every process", "services.chassis.runtime.settings"),
        (GATEWAY, "gateway_flask.settings"),
        (BRIDGE, "kafka_bridge.settings"),
        ("nginx", "ultramarket.nginx_settings"),
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
    """Rows of the settings table, one for each setting, with all processes that read it."""
    settings_by_name: dict[str, tuple[list[str], str, list[str]]] = {}
    for owner, settings_class in sorted(_settings_classes(), key=lambda entry: entry[0] != "every process"):
        for name, field in settings_class.model_fields.items():
            if settings_class is not Settings and name in Settings.model_fields:
                continue
            owners, _, meanings = settings_by_name.setdefault(name, ([], _default(field), []))
            owners.append(owner)
            if field.description and field.description not in meanings:
                meanings.append(field.description)
    return [
        f"| `ULTRAMARKET_{name.upper()}` | {default} | {', '.join(owners)} | {'; '.join(meanings)} |"
        for name, (owners, default, meanings) in settings_by_name.items()
    ]


def test_settings_table_is_complete() -> None:
    """Missing rows are printed ready to paste."""
    lines = OPERATIONS.read_text().splitlines()
    assert [row for row in settings_rows() if row not in lines] == []
    named = {line.split("`")[1] for line in lines if line.startswith("| `ULTRAMARKET_")}
    assert named <= {row.split("`")[1] for row in settings_rows()}


# -- availability -------------------------------------------------------------------------------------------------


def test_availability_table_is_the_tested_one() -> None:
    assert table() in (ROOT / "docs" / "reliability.md").read_text()


# -- metrics -------------------------------------------------------------------------------------------------------


def test_every_metric_is_named_in_operations() -> None:
    names = set()
    for folder in ("services", "gateway_flask", "kafka_bridge"):
        for path in (ROOT / folder).rglob("*.py"):
            names |= set(re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(ultramarket_\w+)"', path.read_text()))
    assert names
    text = OPERATIONS.read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
