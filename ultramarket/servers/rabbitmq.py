"""RabbitMQ with its own home, cookie and epmd, independent of any other RabbitMQ on the machine."""

import socket
from pathlib import Path
from typing import ClassVar, Final

from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment

SCRIPT: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The script itself: the one on the PATH of a Debian switches to the user `rabbitmq` and to /var/lib/rabbitmq."""
CONFIG = """\
listeners.tcp.local = 127.0.0.1:{port}
default_user = ultramarket
default_pass = {password}
default_vhost = ultramarket
loopback_users = none
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 200MB
vm_memory_high_watermark.relative = 0.4
collect_statistics_interval = 30000
"""


class RabbitMQ(Server):
    name: ClassVar[str] = "rabbitmq"
    port_names: ClassVar[tuple[str, ...]] = ("rabbitmq", "rabbitmq_dist")

    def missing(self) -> list[Missing]:
        return [
            *missing_executable("erl", "rabbitmq-server"),
            *([] if SCRIPT.exists() else [Missing(str(SCRIPT), ("rabbitmq-server",))]),
        ]

    def prepare(self, instance: Instance) -> None:
        home = instance.folder / "rabbitmq"
        home.mkdir(mode=0o700, exist_ok=True)
        password = instance.secrets["rabbitmq_password"]
        write_private(home / "rabbitmq.conf", CONFIG.format(port=self.port(instance), password=password))
        (home / "enabled_plugins").write_text("[].\n")
        (home / "rabbitmq-env.conf").write_text("")
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, instance.secrets["erlang_cookie"])
            cookie.chmod(0o400)

    def programs(self, instance: Instance) -> list[Program]:
        epmd_port = instance.block.servers["epmd"]
        environment = self.environment(instance)
        return [
            Program(
                "epmd", "server", [_epmd(), "-port", str(epmd_port), "-address", "127.0.0.1"], environment, (epmd_port,)
            ),
            Program(self.name, "server", [str(SCRIPT)], environment, self.ports(instance), directory="/"),
        ]

    def environment(self, instance: Instance) -> dict[str, str]:
        """Also what `rabbitmqctl` needs to talk to this node."""
        home = instance.folder / "rabbitmq"
        return process_environment(
            instance,
            HOME=str(home),
            RABBITMQ_NODENAME=f"{instance.name}@localhost",
            RABBITMQ_CONF_ENV_FILE=str(home / "rabbitmq-env.conf"),
            RABBITMQ_CONFIG_FILE=str(home / "rabbitmq.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "enabled_plugins"),
            RABBITMQ_MNESIA_BASE=str(home / "mnesia"),
            RABBITMQ_LOG_BASE=str(home / "log"),
            RABBITMQ_LOGS="-",
            RABBITMQ_PID_FILE=str(home / "pid"),
            RABBITMQ_GENERATED_CONFIG_DIR=str(home / "config"),
            RABBITMQ_DIST_PORT=str(instance.block.servers["rabbitmq_dist"]),
            ERL_EPMD_PORT=str(instance.block.servers["epmd"]),
            ERL_EPMD_ADDRESS="127.0.0.1",
            # Two schedulers that sleep when there is nothing to do, instead of one per core that spins.
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +SDcpu 1:1 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none "
            "-kernel inet_dist_use_interface {127,0,0,1}",
            # Lets the script become the Erlang process instead of standing in front of it: a signal hits the broker.
            RUNNING_UNDER_SYSTEMD="1",
        )

    def is_ready(self, instance: Instance) -> bool:
        """Whether it answers the AMQP header: its listeners open at the end of the boot."""
        try:
            with socket.create_connection(("127.0.0.1", self.port(instance)), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(16)[:1] == b"\x01"
        except OSError:
            return False


def _epmd() -> str:
    """Beside the Erlang runtime: not every distribution puts it on the PATH."""
    paths = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
    return str(paths[-1]) if paths else "epmd"
