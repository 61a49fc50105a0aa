"""What the local stack wants to know of a server."""

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ultramarket.instance import Instance
from ultramarket.programs import Program


@dataclass(frozen=True)
class Missing:
    """Something that has to be installed first: an apt package, or a download of ours."""

    what: str
    apt: tuple[str, ...] = ()


class Server(ABC):
    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    """Its ports in the instance's block; the first one is where clients connect."""

    @abstractmethod
    def missing(self) -> list[Missing]:
        """What this machine lacks to run it."""

    def download(self) -> None:  # noqa: B027 - most servers have nothing to do here, nor in the next ones
        """Fetch what no package manager of the system has, into the user's cache. Nothing to do for most."""

    def prepare(self, instance: Instance) -> None:  # noqa: B027
        """Make its folders and write its configuration; done before every start, so it must be idempotent."""

    @abstractmethod
    def programs(self, instance: Instance) -> list[Program]:
        """Its processes, in the order of their start."""

    @abstractmethod
    def is_ready(self, instance: Instance) -> bool:
        """Whether a client would be served now; never raises, never waits longer than a second."""

    def initialise(self, instance: Instance) -> None:  # noqa: B027
        """What is done once it answers: make the database, the replica set. Idempotent."""

    def remove(self, instance: Instance) -> None:  # noqa: B027
        """Remove what it keeps outside the instance's folder."""

    def port(self, instance: Instance) -> int:
        return instance.block.servers[self.port_names[0]]

    def ports(self, instance: Instance) -> tuple[int, ...]:
        return tuple(instance.block.servers[name] for name in self.port_names)


def process_environment(instance: Instance, **environment: str) -> dict[str, str]:
    """The environment of a server's process, with the mark by which `down` knows it."""
    return {"ULTRAMARKET_HOME": str(instance.folder), **environment}


def missing_executable(executable: str, *apt: str) -> list[Missing]:
    return [] if shutil.which(executable) else [Missing(executable, apt)]
