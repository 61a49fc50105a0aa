"""RabbitMQ with its own home, cookie and epmd, independent of any other RabbitMQ on the machine."""

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import ClassVar, Final

from services.chassis.runtime.registry import AUDIT, BRIDGE
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment
from ultramarket.servers.rabbitmq_accounts import definitions
from ultramarket.supervision import answers

SCRIPT: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The script itself: the one on the PATH of a Debian switches to the user `rabbitmq` and to /var/lib/rabbitmq."""
DEFINITIONS: Final = "definitions.json"
IMPORT_SECONDS: Final = 15
PENDING: Final = "definitions.pending"
"""Exists while the running broker has not imported the definitions."""
CONFIG: Final = """\
listeners.tcp.local = 127.0.0.1:{port}
load_definitions = {definitions}
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
        write_private(home / "rabbitmq.conf", CONFIG.format(port=self.port(instance), definitions=home / DEFINITIONS))
        self._write_definitions(instance, home)
        write_private(home / "enabled_plugins", "[].\n")
        write_private(home / "rabbitmq-env.conf", "")
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, instance.secrets["erlang_cookie"])
            cookie.chmod(0o400)

    def _write_definitions(self, instance: Instance, home: Path) -> None:
        """Write the accounts. The broker imports them when it boots; one that is running, in `initialise`."""
        path, pending = home / DEFINITIONS, home / PENDING
        text = definitions(instance.secrets)
        if not answers(self.port(instance)):
            pending.unlink(missing_ok=True)
        elif not path.exists() or path.read_text() != text:
            pending.touch(mode=0o600)
        write_private(path, text)

    def initialise(self, instance: Instance) -> None:
        """Import changed accounts, and declare the queues that every service publishes to, but none may read."""
        from services.chassis.messaging.transport import BROKER_ERRORS

        home = instance.folder / "rabbitmq"
        if (home / PENDING).exists():
            command = [str(SCRIPT.with_name("rabbitmqctl")), "import_definitions", str(home / DEFINITIONS)]
            environment = os.environ | self.environment(instance)
            subprocess.run(command, env=environment, check=True, capture_output=True, cwd="/")
            (home / PENDING).unlink()
        end = time.monotonic() + IMPORT_SECONDS
        while True:
            try:
                _declare_shared_queues(instance.url(self.name))
                return
            except BROKER_ERRORS:  # the import goes on after the command has ended
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

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


def _declare_shared_queues(url: str) -> None:
    from services.chassis.messaging.queues import bridge_queue, dead_queue, event_queue, make
    from services.chassis.messaging.transport import connect

    connection = connect(url)
    try:
        channel = connection.channel()
        for queue in (dead_queue(BRIDGE), bridge_queue(), dead_queue(AUDIT), event_queue(AUDIT)):
            make(queue, channel)
    finally:
        connection.close()


def _epmd() -> str:
    """Beside the Erlang runtime: not every distribution puts it on the PATH."""
    paths = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
    return str(paths[-1]) if paths else "epmd"
