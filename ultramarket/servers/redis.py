"""Redis with an append-only file: after a crash at most the last second is lost."""

import shutil
import socket
from typing import ClassVar

from ultramarket.instance import Instance
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment

CONFIG = """\
bind 127.0.0.1
port {port}
dir {folder}
daemonize no
appendonly yes
appendfsync everysec
save ""
maxclients 2000
# A process title would overwrite the environment by which `ultramarket down` recognises the process.
set-proc-title no
"""


class Redis(Server):
    name: ClassVar[str] = "redis"
    port_names: ClassVar[tuple[str, ...]] = ("redis",)

    def missing(self) -> list[Missing]:
        return missing_executable("redis-server", "redis-server")

    def prepare(self, instance: Instance) -> None:
        folder = instance.folder / "redis"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "redis.conf").write_text(CONFIG.format(port=self.port(instance), folder=folder))

    def programs(self, instance: Instance) -> list[Program]:
        binary = shutil.which("redis-server") or "redis-server"
        command = [binary, str(instance.folder / "redis" / "redis.conf")]
        return [Program(self.name, "server", command, process_environment(instance), self.ports(instance))]

    def is_ready(self, instance: Instance) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port(instance)), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
