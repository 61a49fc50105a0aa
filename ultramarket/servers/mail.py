"""SMTP server that stores every mail of the instance in its folder (`ultramarket mail` shows them)."""

import socket
import sys
from typing import ClassVar

from ultramarket.instance import Instance
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, process_environment


class Mail(Server):
    name: ClassVar[str] = "mail"
    port_names: ClassVar[tuple[str, ...]] = ("mail",)

    def missing(self) -> list[Missing]:
        return []

    def prepare(self, instance: Instance) -> None:
        instance.mails.mkdir(mode=0o700, exist_ok=True)

    def programs(self, instance: Instance) -> list[Program]:
        command = [sys.executable, "-m", "ultramarket.smtp_sink", str(self.port(instance)), str(instance.mails)]
        return [
            Program(self.name, "server", command, process_environment(instance), self.ports(instance), stop_seconds=5)
        ]

    def is_ready(self, instance: Instance) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port(instance)), timeout=1) as connection:
                return connection.recv(64).startswith(b"220")
        except OSError:
            return False
