"""Interface of a server in the local stack."""

import hashlib
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ultramarket.instance import Instance
from ultramarket.programs import Program


@dataclass(frozen=True)
class Missing:
    """A requirement that is not installed: an apt package, or a download of ours."""

    what: str
    apt: tuple[str, ...] = ()


class Server(ABC):
    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    """Names of its ports; clients connect to the first one."""

    @abstractmethod
    def missing(self) -> list[Missing]:
        """Requirements that this machine lacks."""

    def download(self) -> None:  # noqa: B027 - nothing to do for most servers, here and in the following
        """Download what the system's packages lack into the user's cache. Most servers have nothing to download."""

    def prepare(self, instance: Instance) -> None:  # noqa: B027
        """Create its folders and write its configuration, idempotently: called before every start."""

    @abstractmethod
    def programs(self, instance: Instance) -> list[Program]:
        """Its processes, in the order of their start."""

    @abstractmethod
    def is_ready(self, instance: Instance) -> bool:
        """Whether it serves clients; never raises, never waits longer than a second."""

    def initialise(self, instance: Instance) -> None:  # noqa: B027
        """First setup once it is ready, such as the database or the replica set. Idempotent."""

    def remove(self, instance: Instance) -> None:  # noqa: B027
        """Remove its data outside of the instance's folder."""

    def port(self, instance: Instance) -> int:
        return instance.block.servers[self.port_names[0]]

    def ports(self, instance: Instance) -> tuple[int, ...]:
        return tuple(instance.block.servers[name] for name in self.port_names)


def process_environment(instance: Instance, config: str = "", **environment: str) -> dict[str, str]:
    """Environment of a server's process; `down` recognises the process by ULTRAMARKET_HOME.

    The digest of a `config` that is only read at start: a change makes `up` restart a running server.
    """
    digest = {"ULTRAMARKET_CONFIG_DIGEST": hashlib.sha256(config.encode()).hexdigest()[:16]} if config else {}
    return {"ULTRAMARKET_HOME": str(instance.folder), **digest, **environment}


def missing_executable(executable: str, *apt: str) -> list[Missing]:
    return [] if shutil.which(executable) else [Missing(executable, apt)]
