"""Generator of a new service: writes its files from templates and registers it in the lists that name services."""

import keyword
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.chassis.runtime.registry import PORT_OFFSETS, SERVICES
from ultramarket.instance import ROOT

TEMPLATES: Final = Path(__file__).parent / "templates" / "service"
FIRST_FREE_PORT: Final = 18
LAST_PORT: Final = 49
"""Offsets from 50 on are those of the servers."""
FILES: Final = {
    "service.py.j2": "services/{name}/service.py",
    "domain.py.j2": "services/{name}/domain.py",
    "models.py.j2": "services/{name}/models.py",
    "store.py.j2": "services/{name}/store.py",
    "migration.py.j2": "services/{name}/migrations/versions/0001_notes.py",
    "README.md.j2": "services/{name}/README.md",
    "api.py.j2": "schemas/api/{name}.py",
    "rpc.py.j2": "schemas/rpc/{name}.py",
    "events.py.j2": "schemas/events/{name}.py",
    "routes.py.j2": "gateway_flask/routes/{name}.py",
    "test_domain.py.j2": "tests/unit/{name}/test_{name}_domain.py",
    "test_service.py.j2": "tests/service/{name}/test_{name}_service.py",
}
PACKAGES: Final = {
    "services/{name}/__init__.py": "{title}: notes that signed-in persons keep.",
    "services/{name}/migrations/__init__.py": "Alembic revisions of the {name} schema.",
}


class InvalidName(ValueError):
    """A name that can't be a service's."""


@dataclass(frozen=True)
class Insertion:
    """A line or block that is inserted into a file after the last match of a pattern."""

    file: str
    after: str
    text: str


def check_name(name: str) -> None:
    """Raises `InvalidName`."""
    if not re.fullmatch(r"[a-z][a-z0-9]{1,30}", name) or keyword.iskeyword(name):
        raise InvalidName("a service's name is one word of lower-case letters and digits")
    taken = (*SERVICES, "chassis", "gateway", "bridge")
    if name in taken or (ROOT / "services" / name).exists() or (ROOT / "schemas" / "api" / f"{name}.py").exists():
        raise InvalidName(f"{name} exists already")


def create(name: str) -> list[Path]:
    """Write and register the service; returns the files written or changed. Raises `InvalidName`."""
    check_name(name)
    port = next(offset for offset in range(FIRST_FREE_PORT, LAST_PORT) if offset not in PORT_OFFSETS.values())
    values = {"name": name, "class": name.capitalize(), "title": name.capitalize()}
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    written = []
    for template, target in FILES.items():
        written.append(_write(target.format(name=name), templates.get_template(template).render(values)))
    for target, text in PACKAGES.items():
        written.append(_write(target.format(name=name), f'"""{text.format(**values)}"""\n'))
    return written + [_insert(insertion) for insertion in _registrations(name, port)]


def remove(name: str) -> list[Path]:
    """Undo `create`: delete the files and the entries. Raises `InvalidName` for a service that isn't registered."""
    if name not in SERVICES:
        raise InvalidName(f"there is no service {name}")
    changed = []
    for target in (*FILES.values(), *PACKAGES):
        path = ROOT / target.format(name=name)
        path.unlink(missing_ok=True)
        changed.append(path)
    (ROOT / "schemas" / "json" / "models" / f"{name}.json").unlink(missing_ok=True)
    shutil.rmtree(ROOT / "schemas" / "json" / "events" / name, ignore_errors=True)
    for folder in (
        "services/{0}/migrations/versions",
        "services/{0}/migrations",
        "services/{0}",
        "tests/unit/{0}",
        "tests/service/{0}",
    ):
        _remove_folder(ROOT / folder.format(name))
    for insertion in _registrations(name, PORT_OFFSETS[name]):
        path = ROOT / insertion.file
        path.write_text(path.read_text().replace(insertion.text, "", 1))
        changed.append(path)
    return changed


def _registrations(name: str, port: int) -> list[Insertion]:
    dev_port = 3000 + port
    return [
        Insertion(
            "services/chassis/runtime/registry.py",
            r"^    Entry\(.*\),\n",
            f'    Entry("{name}", {port}, "platform", ("postgres",)),\n',
        ),
        Insertion(
            "schemas/permissions.py",
            r"^    },\n(?=}\n)",
            f'    "{name}": {{\n'
            '        "add_note": Access.CUSTOMER,\n        "list_notes": Access.CUSTOMER,\n    },\n',
        ),
        Insertion(
            "tests/support/bodies.py",
            r"^GOOD\b.*\n",
            f'    "add_{name}_note": {{"text": "Buy mugs"}},\n',
        ),
        Insertion(
            "setup.cfg",
            r"^type = independence\nmodules =\n(?:    services\.\w+\n)*",
            f"    services.{name}\n",
        ),
        Insertion(
            "setup.cfg",
            r"(?s)^name = The chassis, the gateway.*?forbidden_modules =\n(?:    services\.\w+\n)*",
            f"    services.{name}\n",
        ),
        Insertion(
            "gateway_flask/routes/__init__.py",
            r"^from gateway_flask\.routes import \(\n(?:    \w+,\n)*",
            f"    {name},\n",
        ),
        Insertion("gateway_flask/routes/__init__.py", r"^AREAS: Final = \(\n(?:    \w+,\n)*", f"    {name},\n"),
        Insertion("docs/calls.md", r"^ *gateway --> \w+\n", f"    gateway --> {name}\n"),
        Insertion(
            "charts/ultramarket/values.yaml",
            r"^  config: +\{port: 3015\}\n",
            f"  {name}: {{port: {dev_port}}}\n",
        ),
        Insertion(
            "docker-compose.yml",
            r"(?s)^  config:\n.*?\n\n",
            f"  {name}:\n    <<: *service\n    command: python -m services.chassis.runtime {name}\n    healthcheck:\n"
            f'      <<: *ready\n      test: ["CMD", "python", "-c", "import urllib.request as u; '
            f"u.urlopen('http://127.0.0.1:{dev_port}/health/ready', timeout=2)\"]\n\n",
        ),
        Insertion(
            "README.md",
            r"^\| 3012 \| reviews \| 3017 \|.*\n",
            f"| {dev_port} | {name} | | |\n",
        ),
    ]


def _insert(insertion: Insertion) -> Path:
    path = ROOT / insertion.file
    text = path.read_text()
    matches = list(re.finditer(insertion.after, text, flags=re.MULTILINE))
    if not matches:
        raise LookupError(f"{insertion.file}: no line matches {insertion.after}")
    position = matches[-1].end()
    path.write_text(text[:position] + insertion.text + text[position:])
    return path


def _write(target: str, text: str) -> Path:
    path = ROOT / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _remove_folder(folder: Path) -> None:
    """Remove a folder that holds nothing but byte code."""
    if folder.exists() and not [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()
