"""supervisord of an instance: its configuration, its daemon, and its XML-RPC interface."""

import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Collection
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.sockets import supervisor_socket

ALREADY_STARTED, NOT_RUNNING = 60, 70
"""Fault codes of `supervisor.xmlrpc.Faults`, which is slow to import."""


class Supervisor:
    """supervisord of one instance, running or not."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.config = instance.folder / "supervisord.conf"
        self.pid_file = instance.folder / "supervisord.pid"
        self.log = instance.logs / "supervisord.log"
        self.socket = supervisor_socket(instance)

    # -- its configuration -------------------------------------------------------------------------------------------

    def write_config(self, programs: list[Program]) -> bool:
        """Write supervisord.conf; whether it changed."""
        text = "\n".join([self._head(), *(program.section(self.instance.log_megabytes) for program in programs)])
        if self.config.exists() and self.config.read_text() == text:
            return False
        write_private(self.config, text)
        return True

    def _head(self) -> str:
        user = "user=root\n" if os.getuid() == 0 else ""
        return (
            f"[unix_http_server]\nfile={self.socket}\nchmod=0700\n\n"
            f"[supervisord]\nlogfile={self.log}\nlogfile_maxbytes=10MB\nlogfile_backups=2\nloglevel=info\n"
            f"pidfile={self.pid_file}\nnodaemon=false\numask=077\nminfds=4096\nidentifier=ultramarket-{self.instance.name}\n"
            f"{user}\n[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        ).replace("%", "%%")

    # -- the daemon --------------------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start the daemon; raises `RuntimeError` if it does not answer within 15 s."""
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)],
            env=_clean_environment(self.instance),
            cwd=self.instance.folder,
            stdin=subprocess.DEVNULL,
            check=True,
            umask=0o077,  # its own log is opened before it reads its configuration
        )
        _wait(self.is_running, 15, "supervisord does not answer: see " + str(self.log))

    def is_running(self) -> bool:
        try:
            self._call("getState")
        except (OSError, HTTPException, xmlrpc.client.Error):
            return False
        return True

    def shutdown(self, seconds: float = 60) -> None:
        pid = self._call("getPID")
        self._call("shutdown")
        _wait(lambda: not Path(f"/proc/{pid}").exists(), seconds, f"supervisord ({pid}) does not end")

    def apply_config(self, started_later: Collection[str] = ()) -> set[str]:
        """Apply the written configuration to the running daemon; changed programs are restarted if they ran.

        Returns the names of those. The caller starts `started_later`: they wait for accounts on restarted servers.
        """
        added, changed, removed = self._call("reloadConfig")[0]
        states = self.states()
        were_running = [name for name in changed if states[name]["statename"] in {"RUNNING", "STARTING", "BACKOFF"}]
        self.stop([*changed, *removed])
        for name in [*changed, *removed]:
            self._call("removeProcessGroup", name)
        for name in [*changed, *added]:
            self._call("addProcessGroup", name)
        for name in were_running:
            if name not in started_later:
                self.start(name)
        return set(were_running)

    # -- its processes -----------------------------------------------------------------------------------------------

    def states(self) -> dict[str, dict[str, Any]]:
        """supervisord's information on each program; empty while it does not run."""
        try:
            return {info["name"]: info for info in self._call("getAllProcessInfo")}
        except (OSError, HTTPException, xmlrpc.client.Error):
            return {}

    def is_up(self, name: str) -> bool:
        """Whether the program has a process."""
        return bool(self.states().get(name, {}).get("pid"))

    def start(self, name: str) -> bool:
        """Start a program; False: it runs already."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise
            return False
        return True

    def stop(self, names: list[str], seconds: float = 60) -> None:
        """Stop programs concurrently and wait until all have ended."""
        for name in names:
            try:
                self._call("stopProcess", name, False)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != NOT_RUNNING:
                    raise
        ended = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}
        _wait(
            lambda: all(info["statename"] in ended for name, info in self.states().items() if name in names),
            seconds,
            "these processes do not end: " + ", ".join(names),
        )

    def restarts(self) -> dict[str, int]:
        """Unexpected exits by program since this supervisord was started (from its log)."""
        counts: dict[str, int] = {}
        for line in self.log.read_text(errors="replace").splitlines() if self.log.exists() else ():
            if "supervisord started with pid" in line:
                counts.clear()
            elif " exited: " in line:
                name = line.split(" exited: ", 1)[1].split(" ", 1)[0]
                counts[name] = counts.get(name, 0) + 1
        return counts

    def _call(self, method: str, *arguments: Any) -> Any:
        """Call supervisord over a connection of its own: one can't be shared between threads, and is cheap to open."""
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as api:
            return getattr(api.supervisor, method)(*arguments)


def _clean_environment(instance: Instance) -> dict[str, str]:
    """The caller's environment without our settings and without what makes Python slow to start."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ULTRAMARKET_", "COVERAGE_", "PYTEST_", "RABBITMQ_", "PG"))
        and name not in {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
    }
    # Two malloc arenas per process instead of eight per core: a quarter less memory, no slower with one busy thread.
    return inherited | {"ULTRAMARKET_HOME": str(instance.folder), "MALLOC_ARENA_MAX": "2"}


def _wait(ready: Any, seconds: float, message: str) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(message)
        time.sleep(0.05)


def answers(port: int, seconds: float = 0.5) -> bool:
    """Whether this loopback port accepts connections."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=seconds):
            return True
    except OSError:
        return False
