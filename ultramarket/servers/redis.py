"""Redis with an append-only file: after a crash at most the last second is lost. Each service has its own keys."""

import shutil
import socket
from typing import ClassVar, Final

from ultramarket.credentials import password, user
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment
from ultramarket.servers.redis_accounts import access_list

CONFIG: Final = """\
bind 127.0.0.1
port {port}
dir "{folder}"
aclfile "{folder}/users.acl"
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
        write_private(folder / "redis.conf", self._config(instance))
        write_private(folder / "users.acl", access_list(instance.secrets))

    def _config(self, instance: Instance) -> str:
        return CONFIG.format(port=self.port(instance), folder=instance.folder / "redis")

    def programs(self, instance: Instance) -> list[Program]:
        binary = shutil.which("redis-server") or "redis-server"
        command = [binary, str(instance.folder / "redis" / "redis.conf")]
        environment = process_environment(instance, self._config(instance))
        return [Program(self.name, "server", command, environment, self.ports(instance))]

    def is_ready(self, instance: Instance) -> bool:
        """Whether the operator can sign in; a server that still reads its file refuses other commands."""
        try:
            replies = self._send(instance, "PING")
        except OSError:
            return False
        return replies.startswith(b"+OK\r\n+PONG")

    def initialise(self, instance: Instance) -> None:
        """Let a server that was running read the accounts again. Raises `RuntimeError`."""
        replies = self._send(instance, "ACL LOAD")
        if not replies.startswith(b"+OK\r\n+OK"):
            raise RuntimeError(f"Redis refuses its accounts: {replies.decode(errors='replace').strip()}")

    def _send(self, instance: Instance, command: str) -> bytes:
        """The replies to the operator's sign-in and to one command."""
        sign_in = f"AUTH {user(None)} {password(self.name, instance.secrets)}"
        with socket.create_connection(("127.0.0.1", self.port(instance)), timeout=1) as connection:
            connection.sendall(f"{sign_in}\r\n{command}\r\n".encode())
            replies = b""
            while replies.count(b"\r\n") < 2 and (part := connection.recv(1024)):
                replies += part
            return replies
