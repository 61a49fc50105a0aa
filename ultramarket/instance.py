"""An instance: its folder, ports, secrets and settings, and the environment of its processes."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ultramarket import instance_environment, ports
from ultramarket.credentials import with_missing_passwords
from ultramarket.keys import make_signing_keys, new_key_ring, new_secrets, write_private
from ultramarket.port_registry import allocated_ports
from ultramarket.ports import Block
from ultramarket.private_files import PASSABLE
from ultramarket.server_urls import KAFKA_LISTENERS, local_url
from ultramarket.up_settings import (
    CORE_PROCESSES_SETTING,
    FAULT_PROXY_SETTING,
    LAYOUT_SETTING,
    LAYOUTS,
    LOG_SETTING,
)

ROOT: Final = Path(__file__).resolve().parent.parent
INSTANCES: Final = ROOT / ".ultramarket"
CORES_FOR_SECOND_CORE: Final = 4
"""CPU cores from which the layout compact runs the core services in two processes."""


class NoSuchInstance(Exception):
    """The instance does not exist yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no instance {name!r} yet: `ultramarket --instance {name} up` creates it")


@dataclass
class Instance:
    """One private stack; saved in `instance.json` and `secrets.json`, mode 0600."""

    name: str
    folder: Path
    block: Block
    secrets: dict[str, str]
    external: dict[str, str] = field(default_factory=dict)
    """Servers that are not run by the instance: URL by name."""
    settings: dict[str, str] = field(default_factory=dict)
    """Further ULTRAMARKET_… settings, taken from the environment of the `up` that named them."""
    admin_created: bool = False
    seeded: bool = False
    private: bool = True
    """False: its files were made by a version that let others read them."""

    @property
    def layout(self) -> str:
        """`compact`: services share processes; `separate`: one process each."""
        return self.settings.get(LAYOUT_SETTING, LAYOUTS[0])

    @property
    def core_processes(self) -> int:
        """Number of processes of the core services in the layout `compact`: 1, or 2 on machines of 4 cores or more."""
        default = 2 if (os.cpu_count() or 1) >= CORES_FOR_SECOND_CORE else 1
        return int(self.settings.get(CORE_PROCESSES_SETTING) or default)

    @property
    def has_fault_proxy(self) -> bool:
        """Whether the services reach the local servers through a proxy that can disturb their connections."""
        return self.settings.get(FAULT_PROXY_SETTING) == "on"

    @property
    def log_megabytes(self) -> str:
        """Size at which a log is rotated; three older files of it are kept."""
        return self.settings.get(LOG_SETTING, "20")

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def jwt_keys(self) -> Path:
        """The folder of the keys that sign access tokens."""
        return self.folder / "jwt"

    @property
    def encryption_keys(self) -> Path:
        return self.folder / "encryption_keys.json"

    @property
    def mails(self) -> Path:
        return self.folder / "mail"

    @property
    def short_id(self) -> str:
        """Unique on this machine: names folders outside the instance's own."""
        return f"{self.name}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    def is_external(self, server: str) -> bool:
        """Whether the instance uses a server that it does not run."""
        names = KAFKA_LISTENERS if server in KAFKA_LISTENERS else (server,)
        return any(name in self.external for name in names)

    def url(self, server: str) -> str:
        if server in self.external or not self.is_external(server):
            return self.external.get(server) or local_url(server, self.block, self.secrets)
        return "" if server == "kafka_sasl" else urlsplit(self.external["kafka_sasl"]).netloc.rpartition("@")[2]

    @property
    def gateway_url(self) -> str:
        """Where clients connect: nginx."""
        return self.url("nginx")

    @property
    def tls_url(self) -> str:
        """The same over TLS; `ca_file` is what its certificate is checked with."""
        return f"https://127.0.0.1:{self.block.servers['nginx_tls']}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the instance's own authority."""
        return self.folder / "tls" / "ca.crt"

    def environment(self) -> dict[str, str]:
        """Environment variables of every process of ours."""
        return instance_environment.of_processes(self, ROOT)

    def printed(self) -> dict[str, str]:
        """The variables that `ultramarket env` prints."""
        env = self.environment()
        return {name: env[name] for name in instance_environment.PRINTED}

    def apply_environment(self, environment: Mapping[str, str]) -> None:
        """Take over servers and settings from the environment of the caller of `up`. Raises `UnknownValue`."""
        instance_environment.take_over(self, environment, all_instances())

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(PASSABLE)
        self.logs.mkdir(mode=0o700, exist_ok=True)
        saved = {
            "name": self.name,
            "base": self.block.base,
            "servers": self.block.servers,
            "external": self.external,
            "settings": self.settings,
            "admin_created": self.admin_created,
            "seeded": self.seeded,
            "private": self.private,
        }
        write_private(self.folder / "secrets.json", json.dumps(self.secrets, indent=2))
        make_signing_keys(self.jwt_keys, earlier=self.folder / "jwt.pem")
        if not self.encryption_keys.exists():
            write_private(self.encryption_keys, new_key_ring())
        write_private(self.folder / "instance.json", json.dumps(saved, indent=2))


def valid_name(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name) is not None


def load(name: str) -> Instance:
    """Raises `NoSuchInstance`."""
    folder = INSTANCES / name
    try:
        saved = json.loads((folder / "instance.json").read_text())
        secret = json.loads((folder / "secrets.json").read_text())
    except FileNotFoundError as missing:
        raise NoSuchInstance(name) from missing
    return Instance(
        name=name,
        folder=folder,
        block=ports.with_missing_ports(Block(saved["base"], saved["servers"])),
        secrets=secret,
        external=saved["external"],
        settings=saved["settings"],
        admin_created=saved.get("admin_created", False),
        seeded=saved["seeded"],
        private=saved.get("private", False),
    )


def all_instances() -> list[Instance]:
    return [load(path.parent.name) for path in sorted(INSTANCES.glob("*/instance.json"))]


def load_or_make(name: str, environment: Mapping[str, str] = os.environ) -> Instance:
    """The existing instance, or a new one with free ports and new secrets.

    Raises `ports.PortTaken`, `UnknownValue`.
    """
    with (
        locked(""),
        allocated_ports() as bases,
    ):  # one lock for all names: two new instances must not choose the same ports
        try:
            instance = load(name)
        except NoSuchInstance:
            bases |= {str(each.folder): each.block.base for each in all_instances()}
            block = ports.choose_dev() if name == "dev" else ports.choose_other(bases.values())
            instance = Instance(name, INSTANCES / name, block, new_secrets())
        instance.secrets = with_missing_passwords(instance.secrets)
        instance.apply_environment(environment)
        instance.save()
        bases[str(instance.folder)] = instance.block.base
    return instance


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Lock for one `up` or `down` of an instance at a time; a second one waits."""
    INSTANCES.mkdir(parents=True, exist_ok=True)
    with (INSTANCES / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
