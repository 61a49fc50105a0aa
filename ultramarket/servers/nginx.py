"""nginx: the HTTP server that clients connect to, in front of the gateway.

It receives requests whole and sends replies at the client's pace, so slow clients hold no thread of the gateway.
"""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import psutil

from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment

SBIN = "/usr/sbin"
"""Where Debian has it; not in every user's PATH."""
STOP_SECONDS = 8
"""Longer than `worker_shutdown_timeout`, after which it closes the connections that are left."""


class Nginx(Server):
    name: ClassVar[str] = "nginx"
    port_names: ClassVar[tuple[str, ...]] = ("nginx", "nginx_tls")

    def missing(self) -> list[Missing]:
        return [] if _executable() else missing_executable("nginx", "nginx")

    def prepare(self, instance: Instance) -> None:
        """Write the configuration. A running nginx takes a changed one over without closing a connection."""
        from ultramarket.certificates import ca  # slow to import: only where they are used
        from ultramarket.nginx_config import certificate_of, render
        from ultramarket.nginx_settings import NginxSettings

        folder = instance.folder / self.name
        for private in (folder, folder / "tmp"):
            private.mkdir(mode=0o700, exist_ok=True)
            private.chmod(0o700)
        settings = NginxSettings.of(instance.environment())
        certificate = certificate_of(settings, lambda: ca(instance))
        user = "root" if os.getuid() == 0 else None
        http, tls = self.ports(instance)
        text = render(settings, folder, certificate, (http, tls), _version(), user)
        config = folder / "nginx.conf"
        if not config.exists() or config.read_text() != text:
            write_private(config, text)
            _reload(folder)

    def programs(self, instance: Instance) -> list[Program]:
        folder = instance.folder / self.name
        return [
            Program(
                self.name,
                "server",
                [_executable() or "nginx", "-c", str(folder / "nginx.conf"), "-e", "stderr"],
                process_environment(instance),
                self.ports(instance),
                directory=str(folder),  # by which its processes are recognised: they overwrite their environment
                stop_signal="QUIT",
                stop_seconds=STOP_SECONDS,
                stop_group=False,
            )
        ]

    def is_ready(self, instance: Instance) -> bool:
        from ultramarket.supervision import answers

        return answers(self.port(instance))


def _executable() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path=SBIN)


def _version() -> tuple[int, ...]:
    reply = subprocess.run([_executable() or "nginx", "-v"], capture_output=True, text=True, check=True).stderr
    version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", reply)
    if version is None:
        raise RuntimeError(f"nginx does not tell its version: {reply!r}")
    return tuple(int(part) for part in version.groups())


def _reload(folder: Path) -> None:
    with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        process = psutil.Process(int((folder / "nginx.pid").read_text()))
        if process.cwd() == str(folder) and " ".join(process.cmdline()).startswith("nginx: master"):
            process.send_signal(signal.SIGHUP)
