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
    if name in taken or _has_files(ROOT / "services" / name) or (ROOT / "schemas" / "api" / f"{name}.py").exists():
        raise InvalidName(f"{name} exists already")


def create(name: str) -> list[Path]:
    """Write and register the service; returns the files written or changed. Raises `InvalidName`."""
    check_name(name)
    port = next(offset for offset in range(FIRST_FREE_PORT, LAST_PORT) if offset not in PORT_OFFSETS.values())
    values = {"name": name, "class": name.capitalize(), "title": name.capitalize()}
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    changed = _registered(name, port)
    for template, target in FILES.items():
        changed[ROOT / target.format(name=name)] = templates.get_template(template).render(values)
    for target, text in PACKAGES.items():
        changed[ROOT / target.format(name=name)] = f'"""{text.format(**values)}"""\n'
    for path, content in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return list(changed)


@dataclass(frozen=True)
class Removal:
    """The result of `remove`: deleted or changed files, and entries that differ from what `create` had written."""

    files: list[Path]
    left: list[str]


def remove(name: str) -> Removal:
    """Undo `create`: delete the service's folders, files and entries. Raises `InvalidName` for an unknown service."""
    if name not in SERVICES:
        raise InvalidName(f"there is no service {name}")
    files, left = [], []
    for folder in ("services/{0}", "schemas/json/events/{0}", "tests/unit/{0}", "tests/service/{0}"):
        shutil.rmtree(ROOT / folder.format(name), ignore_errors=True)
        files.append(ROOT / folder.format(name))
    for target in ("schemas/api/{0}.py", "schemas/rpc/{0}.py", "schemas/events/{0}.py", "gateway_flask/routes/{0}.py",
                   "schemas/json/models/{0}.json"):  # fmt: skip
        path = ROOT / target.format(name)
        path.unlink(missing_ok=True)
        files.append(path)
    for insertion in _registrations(name, PORT_OFFSETS[name]):
        path = ROOT / insertion.file
        text = path.read_text()
        if insertion.text not in text:
            left.append(f"{insertion.file}: {insertion.text.strip().splitlines()[0]}")
            continue
        path.write_text(text.replace(insertion.text, "", 1))
        files.append(path)
    return Removal(files, left)


def _registrations(name: str, port: int) -> list[Insertion]:
    dev_port = 3000 + port
    return [
        Insertion(
            "services/chassis/runtime/registry.py",
            r"^    Entry\(.*\),\n",
            f'    Entry("{name}", {port}, "platform", ("postgres",)),\n',
        ),
        Insertion(
            "schemas/permissions/rpc_methods.py",
            r"^    },\n(?=}\n)",
            f'    "{name}": {{\n'
            '        "add_note": needs(P.ACCOUNT_WRITE),\n        "list_notes": needs(P.ACCOUNT_READ),\n    },\n',
        ),
        Insertion(
            "schemas/permissions/routes.py",
            r"^    \"\w+\": .*,\n(?=}\n)",
            f'    # /{name}\n    "add_{name}_note": needs(P.ACCOUNT_WRITE),\n'
            f'    "list_{name}_notes": needs(P.ACCOUNT_READ),\n',
        ),
        Insertion(
            "tests/support/bodies.py",
            r"^VALID_BODIES\b.*\n",
            f'    "add_{name}_note": {{"text": "Buy mugs"}},\n',
        ),
        Insertion(
            "tests/support/routes.py",
            r'^SIGNED_IN_ROUTES: Final = """\n',
            f"    add_{name}_note list_{name}_notes\n",
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
            f"  {name}:\n    <<: *service\n    command: python -m services.chassis.runtime {name}\n"
            f'    volumes: ["keys:/var/lib/ultramarket", "./secrets/processes/{name}:/run/secrets:ro"]\n'
            f'    healthcheck:\n      <<: *ready\n      test: ["CMD", "python", "-c", "import urllib.request as u; '
            f"u.urlopen('http://127.0.0.1:{dev_port}/health/ready', timeout=2)\"]\n\n",
        ),
        Insertion(
            "README.md",
            r"^\| 3012 \| reviews \| 3017 \|.*\n",
            f"| {dev_port} | {name} | | |\n",
        ),
    ]


def _registered(name: str, port: int) -> dict[Path, str]:
    """The contents of the files that list services, with the new one in them.

    Raises `LookupError` when a list is not where it is expected; nothing has been written then.
    """
    contents: dict[Path, str] = {}
    for insertion in _registrations(name, port):
        path = ROOT / insertion.file
        text = contents.get(path) or path.read_text()
        matches = list(re.finditer(insertion.after, text, flags=re.MULTILINE))
        if not matches:
            raise LookupError(f"{insertion.file}: no line matches {insertion.after}")
        position = matches[-1].end()
        contents[path] = text[:position] + insertion.text + text[position:]
    return contents


def _has_files(folder: Path) -> bool:
    """Whether a folder holds anything but byte code."""
    return any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))
