"""Redis with an append-only file: after a crash at most the last second is lost. Each service has its own keys."""

import shutil
import socket
from typing import ClassVar, Final

from services.chassis.runtime.registry import REDIS_KEYS, REDIS_READ
from ultramarket.credentials import ACCOUNTS, password, sha256, user
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment

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
COMMANDS: Final = "+@all -@admin -@dangerous +info"
"""Of a service: nothing that sees other keys, or changes the server. Libraries read the version from `INFO`."""


class Redis(Server):
    name: ClassVar[str] = "redis"
    port_names: ClassVar[tuple[str, ...]] = ("redis",)

    def missing(self) -> list[Missing]:
        return missing_executable("redis-server", "redis-server")

    def prepare(self, instance: Instance) -> None:
        folder = instance.folder / "redis"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(folder / "redis.conf", self._config(instance))
        write_private(folder / "users.acl", self._users(instance))

    def _config(self, instance: Instance) -> str:
        return CONFIG.format(port=self.port(instance), folder=instance.folder / "redis")

    def _users(self, instance: Instance) -> str:
        """Passwords are hashed; nobody may do anything without one.

        The default user can't sign in, but keeps its rights: as this user Redis reads its file at start, and drops
        the transactions in it that the user may not do.
        """
        lines = ["user default off ~* &* +@all", _user(instance, None, "~* &* +@all")]
        for service in ACCOUNTS[self.name]:
            keys = " ".join(f"~{prefix}* &{prefix}*" for prefix in REDIS_KEYS.get(service, (f"{service}:",)))
            keys += "".join(f" %R~{prefix}* &{prefix}*" for prefix in REDIS_READ.get(service, ()))
            lines.append(_user(instance, service, f"{keys} {COMMANDS}"))
        return "\n".join([*lines, ""])

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


def _user(instance: Instance, service: str | None, rules: str) -> str:
    secret = password("redis", instance.secrets, service)
    return f"user {user(service)} on #{sha256(secret)} resetkeys resetchannels -@all {rules}"
